/* Stops asked for from outside: noted, acted on between tiles, and passed on at the end. */
#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <signal.h>
#include <stddef.h>

/* A handler has no other way to tell the program than a variable of the file. */
static volatile sig_atomic_t pending;

static void note(int number) {
  pending = number;
}

static void install(int number) {
  struct sigaction action = {.sa_handler = note};
  struct sigaction old;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
    sigaction(number, &action, NULL);
  }
}

void cli_signals_install(void) {
  install(SIGINT);
  install(SIGTERM);
  install(SIGHUP);
  signal(SIGXFSZ, SIG_IGN);
}

int cli_signal_pending(void) {
  return (int)pending;
}

void cli_signal_raise(int number) {
  signal(number, SIG_DFL);
  raise(number);
}
