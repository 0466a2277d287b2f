/** A policy from YAML, held against the schema key by key. */
#define _POSIX_C_SOURCE 200809L
#include <diva/policy.h>

#include "host/check/yaml_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number of things, where the other rules have shares. */
static bool is_count(enum diva_rule rule) {
  return rule == DIVA_RULE_CLASSES;
}

/* A limit, above 0: a value at the limit trips it, so that nothing could pass one of 0. */
static enum diva_status take_limit(const struct diva_yaml *yaml, const yaml_node_t *node,
                                   const char *name, bool count, double *out) {
  static const char *const none[] = {"none", "null", "~", "", NULL};
  if (diva_yaml_is_word(node, none)) {
    *out = NAN;
    return DIVA_OK;
  }
  if (!diva_yaml_number(node, out)) {
    const char *const text = diva_yaml_text(node);
    return diva_yaml_refuse(yaml, node, "%s '%.100s' is neither a number nor 'none'", name,
                            text ? text : "?");
  }
  if (*out <= 0) {
    return diva_yaml_refuse(
        yaml, node, "%s %g must be above 0: a value that reaches the limit trips it", name, *out);
  }
  if (!count && *out > 1) {
    return diva_yaml_refuse(yaml, node, "%s %g is above 1: it is a share, 5 %% is written 0.05",
                            name, *out);
  }
  return DIVA_OK;
}

/* The limits of a mapping, as far as they are given. */
struct limits_read {
  enum diva_rule rule;
  struct diva_limits *limits;
  bool given[2];
};

enum { WARN, FAIL };

static enum diva_status take_warn_or_fail(struct diva_yaml *yaml, const yaml_node_t *value,
                                          void *context, int tag) {
  struct limits_read *const read = context;
  read->given[tag] = true;
  return take_limit(yaml, value, tag == FAIL ? "fail" : "warn", is_count(read->rule),
                    tag == FAIL ? &read->limits->fail : &read->limits->warn);
}

static const struct diva_yaml_key limit_keys[] = {{"warn", take_warn_or_fail, WARN},
                                                  {"fail", take_warn_or_fail, FAIL}};
enum { LIMIT_KEYS = sizeof limit_keys / sizeof *limit_keys };

/* What the mapping leaves open is as it was before it, and counts too. */
static enum diva_status check_order(const struct diva_yaml *yaml, const yaml_node_t *node,
                                    const struct limits_read *read) {
  if (read->given[WARN] && read->limits->warn > read->limits->fail) {
    return diva_yaml_refuse(yaml, node, "warn %g is above fail %g%s, and would never be said",
                            read->limits->warn, read->limits->fail,
                            read->given[FAIL] ? "" : " (which is not given here)");
  }
  return DIVA_OK;
}

static bool has_override(const struct diva_policy *policy, enum diva_rule rule,
                         const char *subject) {
  for (int64_t i = 0; i < policy->override_count; i++) {
    if (policy->overrides[i].rule == rule && strcmp(policy->overrides[i].subject, subject) == 0) {
      return true;
    }
  }
  return false;
}

/* Adds an override that takes over the subject. What is left out of its limits is the rule's own.
 */
static struct diva_limit_override *add_override(struct diva_policy *policy, enum diva_rule rule,
                                                char *subject) {
  struct diva_limit_override *const grown =
      realloc(policy->overrides, ((size_t)policy->override_count + 1) * sizeof *policy->overrides);
  if (!grown) {
    return NULL;
  }
  policy->overrides = grown;
  grown[policy->override_count] = (struct diva_limit_override){
      .rule = rule, .subject = subject, .limits = policy->limits[rule]};
  return &grown[policy->override_count++];
}

static enum diva_status take_subject(struct diva_yaml *yaml, const yaml_node_t *key,
                                     const yaml_node_t *value, enum diva_rule rule,
                                     struct diva_policy *policy) {
  char *subject = NULL;
  char where[160];
  enum diva_status status = diva_yaml_string(yaml, key, "a subject", &subject);
  if (status) {
    return status;
  }
  snprintf(where, sizeof where, "rules.%s.subjects.%.80s", diva_rule_id(rule), subject);
  if (has_override(policy, rule, subject)) {
    free(subject);
    return diva_yaml_refuse(yaml, key, "%s is given twice", where);
  }
  struct diva_limit_override *const place = add_override(policy, rule, subject);
  if (!place) {
    free(subject);
    return diva_yaml_out_of_memory(yaml);
  }
  struct limits_read read = {.rule = rule, .limits = &place->limits};
  status = diva_yaml_walk(yaml, value, where, limit_keys, LIMIT_KEYS, &read);
  return status ? status : check_order(yaml, value, &read);
}

static enum diva_status take_subjects(struct diva_yaml *yaml, const yaml_node_t *value,
                                      enum diva_rule rule, struct diva_policy *policy) {
  enum diva_status status = DIVA_OK;
  if (value->type != YAML_MAPPING_NODE) {
    return diva_yaml_refuse(yaml, value,
                            "rules.%s.subjects must be a mapping, CLASS: {warn: ..., fail: ...}",
                            diva_rule_id(rule));
  }
  for (yaml_node_pair_t *pair = value->data.mapping.pairs.start;
       !status && pair < value->data.mapping.pairs.top; pair++) {
    status = take_subject(yaml, yaml_document_get_node(yaml->document, pair->key),
                          yaml_document_get_node(yaml->document, pair->value), rule, policy);
  }
  return status;
}

/* What the mapping of a rule says. The subjects wait until its limits are known. */
struct rule_read {
  struct limits_read limits;
  struct diva_policy *policy;
  const yaml_node_t *subjects;
};

static enum diva_status take_alone(struct diva_yaml *yaml, const yaml_node_t *value,
                                   enum diva_rule rule, struct diva_policy *policy) {
  struct limits_read read = {.rule = rule, .limits = &policy->alone[rule]};
  char where[80];
  if (!diva_rule_stands_alone(rule)) {
    return diva_yaml_refuse(yaml, value, "rules.%s looks at nothing without a baseline",
                            diva_rule_id(rule));
  }
  snprintf(where, sizeof where, "rules.%s.without-baseline", diva_rule_id(rule));
  const enum diva_status status = diva_yaml_walk(yaml, value, where, limit_keys, LIMIT_KEYS, &read);
  return status ? status : check_order(yaml, value, &read);
}

static enum diva_status take_rule_limit(struct diva_yaml *yaml, const yaml_node_t *value,
                                        void *context, int tag) {
  struct rule_read *const read = context;
  return take_warn_or_fail(yaml, value, &read->limits, tag);
}

enum { ENABLED, ALONE, SUBJECTS, HARMFUL_SHARE, UNSEEN_GROUPS };

static enum diva_status take_rule_word(struct diva_yaml *yaml, const yaml_node_t *value,
                                       void *context, int tag) {
  struct rule_read *const read = context;
  switch (tag) {
  case ENABLED:
    return diva_yaml_boolean(value, &read->policy->on[read->limits.rule])
               ? DIVA_OK
               : diva_yaml_refuse(yaml, value, "enabled must be true or false");
  case SUBJECTS:
    read->subjects = value;
    return DIVA_OK;
  case ALONE:
    return take_alone(yaml, value, read->limits.rule, read->policy);
  case HARMFUL_SHARE:
    return take_limit(yaml, value, "warn-harmful-share", false, &read->policy->harmful_share_warn);
  default:
    return take_limit(yaml, value, "warn-unseen", false, &read->policy->unseen_group_warn);
  }
}

/* "ids: off", or a mapping. */
static enum diva_status take_rule(struct diva_yaml *yaml, const yaml_node_t *value, void *context,
                                  int tag) {
  /* The last place is for a key that one rule has and the others have not. */
  struct diva_yaml_key keys[] = {
      {"enabled", take_rule_word, ENABLED},   {"warn", take_rule_limit, WARN},
      {"fail", take_rule_limit, FAIL},        {"without-baseline", take_rule_word, ALONE},
      {"subjects", take_rule_word, SUBJECTS}, {NULL, NULL, 0}};
  const enum diva_rule rule = (enum diva_rule)tag;
  int count = sizeof keys / sizeof *keys - 1;
  if (rule == DIVA_RULE_ADDED_ROWS) {
    keys[count++] = (struct diva_yaml_key){"warn-harmful-share", take_rule_word, HARMFUL_SHARE};
  } else if (rule == DIVA_RULE_GROUP_ERROR) {
    keys[count++] = (struct diva_yaml_key){"warn-unseen", take_rule_word, UNSEEN_GROUPS};
  }
  struct diva_policy *const policy = context;
  char where[80];
  if (diva_yaml_boolean(value, &policy->on[rule])) {
    return DIVA_OK;
  }
  struct rule_read read = {.limits = {.rule = rule, .limits = &policy->limits[rule]},
                           .policy = policy};
  snprintf(where, sizeof where, "rules.%s", diva_rule_id(rule));
  enum diva_status status = diva_yaml_walk(yaml, value, where, keys, count, &read);
  if (!status) {
    status = check_order(yaml, value, &read.limits);
  }
  return !status && read.subjects ? take_subjects(yaml, read.subjects, rule, policy) : status;
}

static void list_rules(struct diva_yaml_key out[DIVA_RULES]) {
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    out[rule] = (struct diva_yaml_key){diva_rule_id((enum diva_rule)rule), take_rule, rule};
  }
}

static enum diva_status take_waiver_rule(struct diva_yaml *yaml, const yaml_node_t *value,
                                         void *context, int tag) {
  struct diva_waiver *const waiver = context;
  struct diva_yaml_key keys[DIVA_RULES];
  (void)tag;
  list_rules(keys);
  const int found = diva_yaml_find(keys, DIVA_RULES, diva_yaml_text(value));
  if (found < 0) {
    return diva_yaml_unknown(yaml, value, "a waiver's rule", keys, DIVA_RULES);
  }
  waiver->rule = (enum diva_rule)found;
  return DIVA_OK;
}

enum { WAIVER_ID, WAIVER_SUBJECT, WAIVER_REASON };

static enum diva_status take_waiver_text(struct diva_yaml *yaml, const yaml_node_t *value,
                                         void *context, int tag) {
  struct diva_waiver *const waiver = context;
  switch (tag) {
  case WAIVER_ID:
    return diva_yaml_string(yaml, value, "id", &waiver->id);
  case WAIVER_SUBJECT:
    return diva_yaml_string(yaml, value, "subject", &waiver->subject);
  default:
    return diva_yaml_string(yaml, value, "reason", &waiver->reason);
  }
}

static enum diva_status take_expires(struct diva_yaml *yaml, const yaml_node_t *value,
                                     void *context, int tag) {
  struct diva_waiver *const waiver = context;
  const char *const text = diva_yaml_text(value);
  (void)tag;
  if (!text || !diva_policy_is_date(text)) {
    return diva_yaml_refuse(yaml, value, "expires '%.40s' is not a day, YYYY-MM-DD",
                            text ? text : "?");
  }
  memcpy(waiver->expires, text, sizeof waiver->expires);
  return DIVA_OK;
}

/* A further waiver, empty; NULL without memory. */
static struct diva_waiver *add_waiver(struct diva_policy *policy) {
  struct diva_waiver *const grown =
      realloc(policy->waivers, ((size_t)policy->waiver_count + 1) * sizeof *policy->waivers);
  if (!grown) {
    return NULL;
  }
  policy->waivers = grown;
  grown[policy->waiver_count] = (struct diva_waiver){0};
  return &grown[policy->waiver_count++];
}

static enum diva_status take_waiver(struct diva_yaml *yaml, const yaml_node_t *node,
                                    struct diva_policy *policy) {
  static const struct diva_yaml_key keys[] = {{"rule", take_waiver_rule, 0},
                                              {"id", take_waiver_text, WAIVER_ID},
                                              {"subject", take_waiver_text, WAIVER_SUBJECT},
                                              {"reason", take_waiver_text, WAIVER_REASON},
                                              {"expires", take_expires, 0}};
  struct diva_waiver *const waiver = add_waiver(policy);
  if (!waiver) {
    return diva_yaml_out_of_memory(yaml);
  }
  const enum diva_status status =
      diva_yaml_walk(yaml, node, "a waiver", keys, sizeof keys / sizeof *keys, waiver);
  if (status) {
    return status;
  }
  if (!diva_yaml_has(yaml, node, "rule")) {
    return diva_yaml_refuse(yaml, node, "a waiver needs a rule: what it is waived from");
  }
  if ((waiver->id != NULL) == (waiver->subject != NULL)) {
    return diva_yaml_refuse(yaml, node,
                            "a waiver needs either an id (of a row) or a subject (a class, a "
                            "group, a column)");
  }
  if (!waiver->reason) {
    return diva_yaml_refuse(yaml, node, "a waiver needs a reason");
  }
  return DIVA_OK;
}

static enum diva_status take_waivers(struct diva_yaml *yaml, const yaml_node_t *value,
                                     struct diva_policy *policy) {
  enum diva_status status = DIVA_OK;
  if (value->type != YAML_SEQUENCE_NODE) {
    return diva_yaml_refuse(yaml, value,
                            "waivers must be a list, each with rule, id or subject, and reason");
  }
  for (yaml_node_item_t *item = value->data.sequence.items.start;
       !status && item < value->data.sequence.items.top; item++) {
    status = take_waiver(yaml, yaml_document_get_node(yaml->document, *item), policy);
  }
  return status;
}

static enum diva_status take_version(struct diva_yaml *yaml, const yaml_node_t *value) {
  const char *const text = diva_yaml_text(value);
  return text && strcmp(text, "1") == 0
             ? DIVA_OK
             : diva_yaml_refuse(yaml, value, "version '%.40s' is not known; it must be 1",
                                text ? text : "?");
}

static enum diva_status take_confidence(struct diva_yaml *yaml, const yaml_node_t *value,
                                        struct diva_policy *policy) {
  double *const out = &policy->confidence;
  return diva_yaml_number(value, out) && *out >= 0.5 && *out < 1
             ? DIVA_OK
             : diva_yaml_refuse(yaml, value,
                                "confidence must be a number, at least 0.5 and below 1");
}

static enum diva_status take_cosine(struct diva_yaml *yaml, const yaml_node_t *value,
                                    struct diva_policy *policy) {
  static const char *const automatic[] = {"auto", NULL};
  double *const out = &policy->duplicates_threshold;
  if (diva_yaml_is_word(value, automatic)) {
    *out = NAN;
    return DIVA_OK;
  }
  return diva_yaml_number(value, out) && *out > 0 && *out <= 1
             ? DIVA_OK
             : diva_yaml_refuse(
                   yaml, value,
                   "near-duplicate-cosine must be 'auto', or a number above 0 and at most 1");
}

enum { VERSION, CONFIDENCE, COSINE, ALL_RULES, WAIVERS };

static enum diva_status take_part(struct diva_yaml *yaml, const yaml_node_t *value, void *context,
                                  int tag) {
  struct diva_yaml_key rules[DIVA_RULES];
  switch (tag) {
  case VERSION:
    return take_version(yaml, value);
  case CONFIDENCE:
    return take_confidence(yaml, value, context);
  case COSINE:
    return take_cosine(yaml, value, context);
  case ALL_RULES:
    list_rules(rules);
    return diva_yaml_walk(yaml, value, "rules", rules, DIVA_RULES, context);
  default:
    return take_waivers(yaml, value, context);
  }
}

static enum diva_status take_policy(struct diva_yaml *yaml, const yaml_node_t *root,
                                    void *context) {
  static const struct diva_yaml_key keys[] = {{"version", take_part, VERSION},
                                              {"confidence", take_part, CONFIDENCE},
                                              {"near-duplicate-cosine", take_part, COSINE},
                                              {"rules", take_part, ALL_RULES},
                                              {"waivers", take_part, WAIVERS}};
  return diva_yaml_walk(yaml, root, "the policy", keys, sizeof keys / sizeof *keys, context);
}

enum diva_status diva_policy_read(const char *path, struct diva_policy *policy,
                                  struct diva_error *error) {
  struct diva_policy read;
  diva_policy_init(&read);
  const enum diva_status status = diva_yaml_read(path, take_policy, &read, error);
  if (status) {
    diva_policy_release(&read);
    return status;
  }
  diva_policy_release(policy);
  *policy = read;
  return DIVA_OK;
}
