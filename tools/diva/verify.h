/**
 * @file verify.h
 * --verify: whether the kept rows train a better model, asked, and said in words.
 */
#ifndef DIVA_CLI_VERIFY_H
#define DIVA_CLI_VERIFY_H

#include "session.h"

#include <stdio.h>

/** Refuses options that do not go together, and reads the trusted rows; before any long work. */
enum diva_status cli_verify_prepare(struct cli_session *session, struct diva_error *error);

/** The same for any change of weights and labels. */
enum diva_status cli_verify_changed(struct cli_session *session,
                                    const struct diva_changed_rows *changed,
                                    struct diva_error *error);

/** The same for a core and the rows it was extended by. */
enum diva_status cli_verify_extension(struct cli_session *session,
                                      const struct diva_extension *extension,
                                      struct diva_error *error);

/**
 * Verifies the decision if that was asked for. Where nothing can be said (a class left without
 * rows, say) that is no failure: `unverified` says why.
 */
enum diva_status cli_verify_decision(struct cli_session *session,
                                     const struct diva_decision_columns *decision,
                                     struct diva_error *error);

/** Two lines for a person, and notes; nothing where nothing was asked for. */
void cli_verify_print(FILE *out, const struct cli_session *session,
                      const struct cli_result *result);

#endif
