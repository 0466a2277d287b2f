/** @file generated.h Seeded features of full rank around class means, to measure with. */
#ifndef DIVA_GENERATED_H
#define DIVA_GENERATED_H

#include <diva/dataset.h>

/** Rows of noise around one mean a class, as stored: row i has label i modulo outputs. */
struct diva_generated {
  int64_t rows, columns, outputs;
  enum diva_dtype type;
  void *features;  /**< rows x columns (owned); or the caller's, of diva_generated_bytes() */
  bool lent;       /**< `features` come from the caller, who keeps them */
  int32_t *labels; /**< rows (owned) */
};

/** Bytes of its features. DIVA_ERROR_RESOURCE where the machine has not the memory. */
enum diva_status diva_generated_bytes(const struct diva_generated *set, int64_t *bytes,
                                      struct diva_error *error);

/** The same seed gives the same bytes whatever the number of threads. DIVA_ERROR_RESOURCE where the
 * machine has not the memory. Its contents are freed with diva_generated_free(). */
enum diva_status diva_generated_make(struct diva_generated *set, uint64_t seed, int threads,
                                     struct diva_error *error);

void diva_generated_free(struct diva_generated *set);

#endif
