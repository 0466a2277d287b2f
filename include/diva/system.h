/**
 * @file system.h
 * What this build of DIVA is, and what the machine under it offers.
 */
#ifndef DIVA_SYSTEM_H
#define DIVA_SYSTEM_H

#include <diva/error.h>

DIVA_BEGIN_DECLARATIONS

/** "0.1.0" */
DIVA_API const char *diva_version(void);

enum diva_backend_state { DIVA_BACKEND_READY, DIVA_BACKEND_NOT_COMPILED, DIVA_BACKEND_NO_DEVICE };

struct diva_backend_info {
  const char *name; /**< static */
  enum diva_backend_state state;
  char detail[256]; /**< device and library when ready, else why it is not */
};

/** The index-th backend known to this version, best first; false past the end. */
DIVA_API bool diva_backend_describe(int index, struct diva_backend_info *out);

/** Bytes of memory a run may plan on: physical memory or the container's limit, whichever is less.
 */
DIVA_API int64_t diva_memory_available(void);

/** Cores this process may run on. */
DIVA_API int diva_cores_available(void);

DIVA_END_DECLARATIONS

#endif
