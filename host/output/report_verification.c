/** What a verification showed, as JSON. */
#include "report_verification.h"

json_t *diva_report_verification(const struct diva_verification *verification, const char *reason) {
  json_t *const record = json_object();
  if (!verification) {
    json_object_set_new(record, "verdict", json_null());
    json_object_set_new(record, "reason", json_string(reason));
    return record;
  }
  json_object_set_new(record, "verdict", json_string(diva_verdict_name(verification->verdict)));
  json_object_set_new(record, "learner", json_string("softmax regression"));
  json_object_set_new(record, "penalty", json_real(verification->penalty));
  json_object_set_new(record, "tested_on", json_string(diva_verify_test_name(verification->test)));
  json_object_set_new(record, "folds", json_integer(verification->folds));
  json_object_set_new(record, "test_rows", json_integer(verification->test_rows));
  json_object_set_new(record, "training_rows_before",
                      json_integer(verification->training_rows_before));
  json_object_set_new(record, "training_rows_after",
                      json_integer(verification->training_rows_after));
  json_object_set_new(record, "sampled_rows", json_integer(verification->sampled_rows));
  json_object_set_new(record, "error_before", json_real(verification->error_before));
  json_object_set_new(record, "error_after", json_real(verification->error_after));
  json_object_set_new(record, "difference", json_real(verification->difference));
  json_object_set_new(record, "difference_low", json_real(verification->low));
  json_object_set_new(record, "difference_high", json_real(verification->high));
  json_object_set_new(record, "mended", json_integer(verification->mended));
  json_object_set_new(record, "broken", json_integer(verification->broken));
  return record;
}
