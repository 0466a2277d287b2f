/** The verdict on a version of a dataset in the form that is asked for. */
#include <diva/check_report.h>

#include "host/core/core.h"
#include "host/output/check_forms.h"

#include <math.h>

void diva_check_report_init(struct diva_check_report *report) {
  *report = (struct diva_check_report){.version = DIVA_STRUCT_VERSION, .confidence = NAN};
}

enum diva_status diva_check_report_text(const struct diva_check_report *report,
                                        enum diva_check_format format, char **out,
                                        struct diva_error *error) {
  static const diva_check_form forms[] = {[DIVA_CHECK_AS_TEXT] = diva_check_form_text,
                                          [DIVA_CHECK_AS_JSON] = diva_check_form_json,
                                          [DIVA_CHECK_AS_JUNIT] = diva_check_form_junit,
                                          [DIVA_CHECK_AS_MARKDOWN] = diva_check_form_markdown,
                                          [DIVA_CHECK_AS_SARIF] = diva_check_form_sarif,
                                          [DIVA_CHECK_AS_ANNOTATIONS] =
                                              diva_check_form_annotations};
  *out = NULL;
  const enum diva_status status = diva_version_check(report->version, "diva_check_report", error);
  if (status) {
    return status;
  }
  if (!report->summary || !report->results) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a report of a check needs its summary and its results");
  }
  if ((int)format < 0 || (size_t)format >= sizeof forms / sizeof *forms) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "no form %d of a check's report", (int)format);
  }
  return forms[format](report, out, error);
}
