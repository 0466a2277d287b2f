/* What the machine offers this process: memory and cores, containers included. */
#define _GNU_SOURCE
#include <diva/system.h>

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

const char *diva_version(void) {
  return DIVA_VERSION;
}

/* A control group's limit, or INT64_MAX where the file is absent or says "max". */
static int64_t read_limit(const char *path) {
  long long limit = INT64_MAX;
  FILE *file = fopen(path, "re");
  if (file) {
    if (fscanf(file, "%lld", &limit) != 1 || limit <= 0) {
      limit = INT64_MAX;
    }
    fclose(file);
  }
  return limit;
}

int64_t diva_memory_available(void) {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  int64_t memory = pages > 0 ? pages * sysconf(_SC_PAGESIZE) : INT64_MAX;
  const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
  for (int i = 0; i < 2; i++) {
    const int64_t limit = read_limit(limits[i]);
    memory = limit < memory ? limit : memory;
  }
  return memory;
}

int diva_cores_available(void) {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) {
    const int count = CPU_COUNT(&cores);
    return count > 0 ? count : 1;
  }
  return 1;
}
