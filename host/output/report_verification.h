/** @file report_verification.h What a verification showed, as JSON. */
#ifndef DIVA_REPORT_VERIFICATION_H
#define DIVA_REPORT_VERIFICATION_H

#include <diva/verify.h>
#include <jansson.h>

/**
 * An object to be owned by the caller: what was tested on, errors, difference with its interval,
 * verdict. With a reason instead of a verification, `verdict` is null and `reason` says why.
 */
json_t *diva_report_verification(const struct diva_verification *verification, const char *reason);

#endif
