/**
 * @file harness.h
 * Running one operation of one backend on guarded device memory, and measuring what it computed.
 *
 * Every matrix lies in a buffer whose other bytes (before, after, and the padding of each row) are
 * all ones: NaN to whoever reads them, and missed at the end by whoever wrote them. Inputs must
 * come back unchanged to the last byte.
 */
#ifndef DIVA_TESTS_HARNESS_H
#define DIVA_TESTS_HARNESS_H

#include "kernels/backend.h"
#include "tests/support/reference.h"

/** What a size of the case table means is up to the operation; d > n is among them. */
struct shape {
  int64_t rows, columns, outputs;
};

/** The worst error of an operation, against a scale given for every element. */
struct accuracy {
  const char *operation;
  long double worst;
};

enum element { ELEMENT_TILE, ELEMENT_REAL, ELEMENT_INTEGER, ELEMENT_SINGLE, ELEMENT_WORD };

/** A matrix on the device with guards around it; values are as the device holds them. */
struct guarded {
  enum element element;
  int64_t rows, columns, stride, lead;
  bool output;
  double *values; /**< rows x columns: input as rounded, or output as it was before the operation */
  double *result; /**< rows x columns: output as downloaded */
  unsigned char *image;
  int64_t bytes;
  struct diva_buffer *buffer;
};

enum { CONFORMANCE_OBJECTS = 40 };

/** One opened backend, and what lives on it. */
struct conformance {
  const struct diva_backend_ops *ops;
  struct diva_backend *backend;
  struct diva_backend_config config;
  struct shape shape;
  struct reference_random random;
  struct accuracy *accuracy;
  uint64_t digest; /**< of every byte of output */
  struct guarded objects[CONFORMANCE_OBJECTS];
  int object_count;
};

/** Opens with room for exactly the shape. */
void conformance_open(struct conformance *self, const struct diva_backend_ops *ops,
                      struct diva_backend_config config, struct shape shape,
                      struct accuracy *accuracy);

/** Opens anew, with room for exactly another tile: for cases that need more than their shape says.
 */
void conformance_make_room(struct conformance *self, int64_t rows, int64_t columns);

/** Forgets all objects and closes. */
void conformance_close(struct conformance *self);

/** Forgets all objects, for the next case on the same opened backend. */
void conformance_clear(struct conformance *self);

/** An input, or the start of a sum: the values rounded to the element type. */
struct guarded *conformance_input(struct conformance *self, enum element element, int64_t rows,
                                  int64_t columns, const double *values);

/** The same with random values in [-1, 1). */
struct guarded *conformance_random(struct conformance *self, enum element element, int64_t rows,
                                   int64_t columns);

/** Marks an object as one that the operation changes. */
struct guarded *conformance_changes(struct guarded *object);

/** An output that starts as NaN. */
struct guarded *conformance_output(struct conformance *self, enum element element, int64_t rows,
                                   int64_t columns);

struct diva_matrix conformance_matrix(const struct guarded *object);
struct diva_vector conformance_vector(const struct guarded *object);

/** Bytes of an element. */
int64_t conformance_element_bytes(const struct conformance *self, enum element element);

/** Fails unless `status` is DIVA_OK; then checks guards and inputs, and downloads the outputs. */
void conformance_finish(struct conformance *self, enum diva_status status,
                        const struct diva_error *error);

/** Counts |got - want| / scale; a NaN on one side alone is infinitely wrong. */
void conformance_compare(struct conformance *self, long double got, long double want,
                         long double scale);

/** Fails the test where `held` is false; cheap where it is true, unlike a Criterion assertion. */
void conformance_expect(const struct conformance *self, bool held, const char *what, int64_t at);

/* The operations, by file. Each runs its cases at one shape. */

/* case_rows.c */
void case_label_rows(struct conformance *self);
void case_convert(struct conformance *self);
void case_loo_rows(struct conformance *self);
void case_expect_rows(struct conformance *self);
void case_scatter_rows(struct conformance *self);
void case_derivative_rows(struct conformance *self);
/* case_prepare.c */
void case_prepare_rows(struct conformance *self);
void case_faults(struct conformance *self);
void case_half_values(struct conformance *self);
/* case_fourier.c */
void case_fourier_rows(struct conformance *self);
void case_fourier_overflow(struct conformance *self);
void case_moments(struct conformance *self);
/* case_sums.c */
void case_gram(struct conformance *self);
void case_cross(struct conformance *self);
void case_classes(struct conformance *self);
void case_residual(struct conformance *self);
void case_leverage(struct conformance *self);
void case_quadform(struct conformance *self);
void case_path_rows(struct conformance *self);
/* case_scales.c */
void case_gram_scales(struct conformance *self);
void case_cross_scales(struct conformance *self);
void case_residual_scales(struct conformance *self);
void case_form_scales(struct conformance *self);
/* case_algebra.c */
void case_multiply(struct conformance *self);
void case_triangles(struct conformance *self);
void case_cholesky(struct conformance *self);
void case_singular(struct conformance *self);
void case_eigen(struct conformance *self);
/* case_memory.c */
void case_memory(struct conformance *self);

#endif
