/** @file threads.h How the threads of the program wait. */
#ifndef DIVA_CLI_THREADS_H
#define DIVA_CLI_THREADS_H

/**
 * Lets OpenMP threads sleep while they wait. Unless told otherwise they spin for milliseconds after
 * each parallel region, on the cores that the threads of BLAS want next: runs of many small
 * products took four times as long. libgomp reads its environment when it is loaded, before any
 * code of the program, so the program starts itself again with the environment that says so; once,
 * and not where the person has said how threads shall wait. Where that fails, the run is only
 * slower.
 */
void cli_threads_let_sleep(char **argv);

#endif
