/**
 * @file comm.h
 * Which of how many processes this one is. In this version every run is one process.
 */
#ifndef DIVA_COMM_H
#define DIVA_COMM_H

/** Processes that share the work, at least 1: `mpi_ranks` of the provenance. */
int diva_comm_size(void);

/** This process, 0 .. diva_comm_size() - 1. */
int diva_comm_rank(void);

#endif
