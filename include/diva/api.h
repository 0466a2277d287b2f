/**
 * @file api.h
 * Linkage of the public interface, and how its versioned option structs work.
 *
 * Every struct of options starts with `int version` and has an initialiser function that fills in
 * the defaults; call it, then change what you need. A struct from a newer header than the library
 * is refused with DIVA_ERROR_USAGE.
 */
#ifndef DIVA_API_H
#define DIVA_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define DIVA_BEGIN_DECLARATIONS extern "C" {
#define DIVA_END_DECLARATIONS   }
#else
#define DIVA_BEGIN_DECLARATIONS
#define DIVA_END_DECLARATIONS
#endif

#if defined(__GNUC__)
#define DIVA_API __attribute__((visibility("default")))
#define DIVA_PRINTF(format_index, first_argument)                                                  \
  __attribute__((format(printf, format_index, first_argument)))
#else
#define DIVA_API
#define DIVA_PRINTF(format_index, first_argument)
#endif

#endif
