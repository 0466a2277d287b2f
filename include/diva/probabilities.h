/**
 * @file probabilities.h
 * Out-of-sample class probabilities of every row as a .npy file: what cleanlab calls pred_probs.
 *
 *     diva_probabilities_open(path, dataset, &probabilities, &error)
 *     options.scores = diva_probabilities_take, options.scores_context = probabilities
 *     diva_analysis_run(dataset, ..., &options, &analysis, &error)
 *     diva_probabilities_finish(probabilities, summary.temperature, provenance, NULL, &error)
 *     diva_probabilities_commit(probabilities, &error)
 *     diva_probabilities_destroy(probabilities)
 */
#ifndef DIVA_PROBABILITIES_H
#define DIVA_PROBABILITIES_H

#include <diva/analysis.h>

DIVA_BEGIN_DECLARATIONS

/** A file of probabilities being made, beside the one it will replace. */
struct diva_probabilities;

/**
 * Begins a file of rows x classes float32 for a dataset. Scores wait on the disk, not in memory,
 * for the temperature, which is known last: O(classes) memory, 4 rows classes bytes of disk.
 * @param dataset  borrowed until diva_probabilities_destroy()
 * @param out      owned by the caller: diva_probabilities_destroy()
 * @return DIVA_ERROR_USAGE for a dataset of targets, which have no classes, and for a path that is
 *         one of its own files or "-"; DIVA_ERROR_RESOURCE where the disk has no room, a folder
 *         refuses, or the path is a device or a pipe
 */
DIVA_API enum diva_status diva_probabilities_open(const char *path,
                                                  const struct diva_dataset *dataset,
                                                  struct diva_probabilities **out,
                                                  struct diva_error *error);

/** Takes the scores of a tile: a diva_scores_sink whose context is the struct diva_probabilities.
 * Row 0 starts again. @return DIVA_ERROR_RESOURCE where the disk refuses */
DIVA_API enum diva_status diva_probabilities_take(void *context, int64_t first_row, int64_t rows,
                                                  const double *scores, struct diva_error *error);

/**
 * Turns the scores into softmax(temperature * scores), rows in the order of the dataset, and puts
 * everything on the disk; the file has no name yet.
 * @param temperature  of the summary of the run whose scores these are; > 0
 * @param provenance   what PATH.provenance.json will hold; NULL: no such file
 * @param progress     NULL: none
 * @return DIVA_ERROR_USAGE where not all rows were taken, or for the temperature;
 *         DIVA_ERROR_NUMERICAL for a score that is not a number; DIVA_ERROR_RESOURCE;
 *         DIVA_ERROR_CANCELLED
 */
DIVA_API enum diva_status diva_probabilities_finish(struct diva_probabilities *probabilities,
                                                    double temperature, const char *provenance,
                                                    const struct diva_progress *progress,
                                                    struct diva_error *error);

/** Gives the file and its provenance their names, both or neither. Once, after
 * diva_probabilities_finish(). */
DIVA_API enum diva_status diva_probabilities_commit(struct diva_probabilities *probabilities,
                                                    struct diva_error *error);

/** Frees, and removes what has not been committed; NULL is fine. */
DIVA_API void diva_probabilities_destroy(struct diva_probabilities *probabilities);

DIVA_END_DECLARATIONS

#endif
