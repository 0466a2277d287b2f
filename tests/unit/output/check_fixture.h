/**
 * @file check_fixture.h
 * The outcome of a check made by hand: one rule that fails, one that warns, one that is waived, and
 * the others skipped.
 */
#ifndef DIVA_TEST_CHECK_FIXTURE_H
#define DIVA_TEST_CHECK_FIXTURE_H

#include <diva/check_report.h>

struct check_fixture {
  struct diva_check_report report;
  struct diva_check_summary summary;
  struct diva_check_result results[DIVA_RULES];
  struct diva_check_finding leak, noise[2], waived;
  struct diva_waiver waiver;
  struct diva_check_row *rows; /**< of leakage, which fails */
  char (*ids)[32];
};

/**
 * Fills a fixture: `rows` rows leaked, with ids row-0, row-1 ...
 * Free it with check_fixture_free().
 */
void check_fixture_make(struct check_fixture *fixture, int64_t rows);

/** Puts a string into every place that holds a name or a sentence from outside. */
void check_fixture_spoil(struct check_fixture *fixture, const char *string);

void check_fixture_free(struct check_fixture *fixture);

/** A report that has to succeed; to be freed. */
char *check_fixture_text(const struct check_fixture *fixture, enum diva_check_format format);

#endif
