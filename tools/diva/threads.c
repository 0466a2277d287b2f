/* Threads that wait asleep. */
#define _POSIX_C_SOURCE 200112L
#include "threads.h"

#include <stdlib.h>
#include <unistd.h>

void cli_threads_let_sleep(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") ||
      setenv("OMP_WAIT_POLICY", "passive", 1)) {
    return;
  }
  execv("/proc/self/exe", argv);
}
