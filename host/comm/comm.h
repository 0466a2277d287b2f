/**
 * @file comm.h
 * How many processes share a run. In this version every run is one process.
 */
#ifndef DIVA_COMM_H
#define DIVA_COMM_H

/** Processes that share the work, at least 1: `mpi_ranks` of the provenance. */
int diva_comm_size(void);

#endif
