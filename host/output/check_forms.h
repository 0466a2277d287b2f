/**
 * @file check_forms.h
 * The forms of a check's report, one function each, see diva_check_report_text(). Internal.
 */
#ifndef DIVA_OUTPUT_CHECK_FORMS_H
#define DIVA_OUTPUT_CHECK_FORMS_H

#include <diva/check_report.h>

/** Makes the text. @param out  to be freed */
typedef enum diva_status (*diva_check_form)(const struct diva_check_report *report, char **out,
                                            struct diva_error *error);

enum diva_status diva_check_form_text(const struct diva_check_report *report, char **out,
                                      struct diva_error *error);
enum diva_status diva_check_form_json(const struct diva_check_report *report, char **out,
                                      struct diva_error *error);
enum diva_status diva_check_form_junit(const struct diva_check_report *report, char **out,
                                       struct diva_error *error);
enum diva_status diva_check_form_markdown(const struct diva_check_report *report, char **out,
                                          struct diva_error *error);
enum diva_status diva_check_form_sarif(const struct diva_check_report *report, char **out,
                                       struct diva_error *error);
enum diva_status diva_check_form_annotations(const struct diva_check_report *report, char **out,
                                             struct diva_error *error);

#endif
