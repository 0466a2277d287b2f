/**
 * @file import.h
 * A dataset file being made from arrays: which array plays which role, and what each must be.
 */
#ifndef DIVA_OUTPUT_IMPORT_H
#define DIVA_OUTPUT_IMPORT_H

#include <diva/convert.h>

#include "host/output/array.h"
#include "host/output/atomic.h"
#include "host/output/hdf5_out.h"
#include "host/output/name_set.h"

/** What an array is to a dataset. */
enum diva_role {
  DIVA_ROLE_CLASS_NAMES,
  DIVA_ROLE_FEATURES,
  DIVA_ROLE_LABELS,
  DIVA_ROLE_IDS,
  DIVA_ROLE_PER_ROW, /**< targets, base_outputs, weights: numbers, as many rows as features */
  DIVA_ROLE_OTHER    /**< copied as it is */
};

/** The file being made; start from {.out = {.file = H5I_INVALID_HID}}. All of it inside
 * diva_h5_enter(). */
struct diva_import {
  const struct diva_convert_options *options;
  struct diva_atomic_file file;
  struct diva_h5_out out;
  struct diva_name_set classes;
  bool classes_given;   /**< their order is fixed; else they are sorted by name */
  int64_t rows;         /**< -1 until an array has said it */
  char rows_source[96]; /**< which array that was */
  char source[1024];    /**< scratch: "FILE: ARRAY" of the array at hand */
};

/** Creates the file beside `to` and reads the class names of the options. */
enum diva_status diva_import_begin(struct diva_import *import, const char *to,
                                   const struct diva_convert_options *options,
                                   struct diva_error *error);

/**
 * Stores one array.
 * @param name  of the dataset to write
 * @return DIVA_ERROR_INPUT where its type, rank or rows do not suit its role
 */
enum diva_status diva_import_array(struct diva_import *import, enum diva_role role,
                                   const char *name, struct diva_array *array,
                                   struct diva_error *error);

/**
 * Stores labels given as numbers in `classes` (-1: none), which become the final ones here.
 * @param codes  rows, changed
 */
enum diva_status diva_import_label_codes(struct diva_import *import, int32_t *codes, int64_t rows,
                                         struct diva_error *error);

/** The code of a label's text; the empty one is -1. DIVA_ERROR_INPUT where names are given and
 * this is none of them. */
enum diva_status diva_import_label_code(struct diva_import *import, const char *text, int32_t *code,
                                        struct diva_error *error);

/** Records that `source` has this many rows; DIVA_ERROR_INPUT where another had not as many. */
enum diva_status diva_import_rows(struct diva_import *import, int64_t rows, const char *source,
                                  struct diva_error *error);

/** Writes the class names and gives the file its name. */
enum diva_status diva_import_finish(struct diva_import *import, struct diva_error *error);

/** Frees everything; removes what was not finished. */
void diva_import_end(struct diva_import *import);

/** The sources of a conversion to HDF5, one a kind of file. Inside diva_h5_enter(). */
enum diva_status diva_import_npy(const char *from, struct diva_import *import,
                                 struct diva_error *error);
enum diva_status diva_import_npz(const char *from, struct diva_import *import,
                                 struct diva_error *error);
enum diva_status diva_import_csv(const char *from, struct diva_import *import,
                                 struct diva_error *error);

#endif
