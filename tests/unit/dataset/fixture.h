/**
 * @file fixture.h
 * A folder for the files of one test, and short ways to put HDF5 datasets into them.
 */
#ifndef DIVA_TEST_DATASET_FIXTURE_H
#define DIVA_TEST_DATASET_FIXTURE_H

#include <diva/dataset.h>

#include <hdf5.h>

enum { FIXTURE_PATH_SIZE = 256 };

/** Makes the folder; removes it with everything in it. To be called by each test. */
void fixture_begin(void);
void fixture_end(void);

/** Path of a file in the folder. */
void fixture_path(const char *name, char path[FIXTURE_PATH_SIZE]);

/** Number of files in the folder. */
int fixture_file_count(void);

/** Creates an HDF5 file, replacing one that is there. */
hid_t fixture_create(const char *path);

/** Datasets of one or two dimensions (columns = 0: one), contiguous or as `creation` says. */
void fixture_put(hid_t file, const char *name, hid_t type, hid_t memory_type, int64_t rows,
                 int64_t columns, const void *data, hid_t creation);

/** Float32 features with value row + column / 8, and int64 labels row % 3. */
void fixture_put_features(hid_t file, int64_t rows, int64_t columns);
void fixture_put_labels(hid_t file, int64_t rows);

/** Int64 or float64 values under a name. */
void fixture_put_integers(hid_t file, const char *name, int64_t count, const int64_t *values);
void fixture_put_reals(hid_t file, const char *name, int64_t rows, int64_t columns,
                       const double *values);

/** Strings of variable length. */
void fixture_put_strings(hid_t file, const char *name, int64_t count, const char *const *values);

/** Attribute class_names of variable-length strings. */
void fixture_put_class_names(hid_t owner, int64_t count, const char *const *values);

/** Type of IEEE half or bfloat16, to be closed. */
hid_t fixture_half(void);
hid_t fixture_bfloat16(void);

/** Opens one file, failing the test with the message if that fails. */
struct diva_dataset *fixture_open(const char *path, const struct diva_dataset_options *options);

/**
 * Asserts that opening gives `status`, and one line that holds each of the strings up to NULL. The
 * line has to start with the path where `paths` is one file.
 */
void fixture_expect_refused(const char *path, const struct diva_dataset_options *options,
                            enum diva_status status, const char *const *needles);

#endif
