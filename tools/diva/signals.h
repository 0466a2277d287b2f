/**
 * @file signals.h
 * Stops asked for from outside: noted, acted on between tiles, and passed on at the end.
 */
#ifndef DIVA_CLI_SIGNALS_H
#define DIVA_CLI_SIGNALS_H

/**
 * From here on SIGINT, SIGTERM and SIGHUP are noted and do not end the process (unless they were
 * ignored from the start, as under nohup), and a file limit is an error of the write that hits it.
 * SIGPIPE stays as it is: a reader of standard output that has gone ends the program quietly, and
 * nothing is staged while rows go there.
 */
void cli_signals_install(void);

/** The signal that asked to stop; 0: none has. */
int cli_signal_pending(void);

/** Ends the process by this signal, so that a shell sees why. */
void cli_signal_raise(int number);

#endif
