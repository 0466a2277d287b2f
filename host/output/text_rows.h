/**
 * @file text_rows.h
 * The rows of a manifest as JSON lines or CSV.
 */
#ifndef DIVA_OUTPUT_TEXT_ROWS_H
#define DIVA_OUTPUT_TEXT_ROWS_H

#include <diva/manifest.h>

#include <stdio.h>

/**
 * Writes every row of the manifest, in its order, to a stream.
 *
 * JSONL: {"id": "a", "index": 0, "label": "zero", ...}; CSV: a header line, then the same values,
 * null as an empty field. Blocks of rows are formatted by all threads and written in order, so that
 * the bytes do not depend on their number.
 * @param csv   CSV, else JSONL
 * @param path  of the stream, for messages
 * @return DIVA_ERROR_RESOURCE (disk, memory), DIVA_ERROR_CANCELLED
 */
enum diva_status diva_text_rows_write(const struct diva_manifest *manifest, bool csv, FILE *stream,
                                      const char *path, const struct diva_progress *progress,
                                      struct diva_error *error);

#endif
