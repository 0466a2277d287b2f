/** A policy as YAML with a comment on every key. */
#include <diva/policy.h>

#include "host/output/atomic.h"
#include "host/output/text.h"

#include <math.h>
#include <string.h>

static int64_t code_point(const char *bytes, int length) {
  const unsigned char *const s = (const unsigned char *)bytes;
  static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  int64_t code = s[0] & first[length];
  for (int i = 1; i < length; i++) {
    code = (code << 6) | (s[i] & 0x3f);
  }
  return code;
}

/* Whether YAML 1.1 takes a character beyond ASCII as it is, and not for a line break. */
static bool is_plain(int64_t code) {
  return code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe &&
         code != 0xffff;
}

static void append_escape(struct diva_text *text, int64_t code) {
  static const char hex[] = "0123456789abcdef";
  diva_text_string(text, "\\u");
  for (int shift = 12; shift >= 0; shift -= 4) {
    diva_text_append(text, &hex[(code >> shift) & 15], 1);
  }
}

/* A double-quoted scalar on one line. Bytes that are not UTF-8 become U+FFFD. */
static void append_quoted(struct diva_text *text, const char *string) {
  diva_text_string(text, "\"");
  for (int length = 0; *string; string += length > 0 ? length : 1) {
    length = diva_utf8_length(string);
    const int64_t code = length ? code_point(string, length) : 0xfffd;
    if (*string == '"' || *string == '\\') {
      diva_text_string(text, "\\");
      diva_text_append(text, string, 1);
    } else if ((code >= 0x20 && code < 0x7f) || (length > 1 && is_plain(code))) {
      diva_text_append(text, string, length);
    } else {
      append_escape(text, code);
    }
  }
  diva_text_string(text, "\"");
}

static void append_real(struct diva_text *text, double value, const char *absent) {
  enum { DIGITS = 17 };
  if (isnan(value)) {
    diva_text_string(text, absent);
  } else {
    diva_text_real(text, value, DIGITS);
  }
}

/* "{warn: 0.1, fail: none}" */
static void append_limits(struct diva_text *text, struct diva_limits limits) {
  diva_text_string(text, "{warn: ");
  append_real(text, limits.warn, "none");
  diva_text_string(text, ", fail: ");
  append_real(text, limits.fail, "none");
  diva_text_string(text, "}");
}

static void append_head(struct diva_text *text, const struct diva_policy *policy) {
  diva_text_string(
      text,
      "# What `diva check` asks of a new version of a dataset.\n"
      "#\n"
      "# Each rule measures one figure. At `warn` or above it is said, at `fail` or above the\n"
      "# check fails. Figures are shares from 0 to 1 unless said otherwise; `none` is no limit.\n"
      "# Where there is a baseline they are changes against it, at the end of a confidence\n"
      "# interval that is kinder to the new version. A key that is left out has its default.\n"
      "version: 1\n\n"
      "# Of every confidence interval.\n"
      "confidence: ");
  append_real(text, policy->confidence, "0.999");
  diva_text_string(text, "\n\n"
                         "# Cosine from which two rows are near-duplicates; auto goes by the "
                         "data.\nnear-duplicate-cosine: ");
  append_real(text, policy->duplicates_threshold, "auto");
  diva_text_string(text, "\n\n");
}

static bool has_overrides(const struct diva_policy *policy, enum diva_rule rule) {
  for (int64_t i = 0; i < policy->override_count; i++) {
    if (policy->overrides[i].rule == rule) {
      return true;
    }
  }
  return false;
}

static void append_overrides(struct diva_text *text, const struct diva_policy *policy,
                             enum diva_rule rule) {
  diva_text_string(text, "    subjects:\n");
  for (int64_t i = 0; i < policy->override_count; i++) {
    const struct diva_limit_override *const override = &policy->overrides[i];
    if (override->rule == rule) {
      diva_text_string(text, "      ");
      append_quoted(text, override->subject);
      diva_text_string(text, ": ");
      append_limits(text, override->limits);
      diva_text_string(text, "\n");
    }
  }
}

/* The names of classes, or with `group` of groups, that there are to write limits for. */
struct subjects {
  const struct diva_dataset *dataset;
  const char *group;
};

/* Appends the key of subject i: false where there is none. */
static bool append_subject(struct diva_text *text, const struct subjects *subjects, int64_t i) {
  struct diva_dataset_info info;
  struct diva_text key = {0};
  const char *name = NULL;
  diva_dataset_describe(subjects->dataset, &info);
  if (subjects->group) {
    name = diva_dataset_group_name(subjects->dataset, i);
    diva_text_string(&key, subjects->group);
    diva_text_string(&key, "=");
  } else if (i < info.outputs && !info.has_targets) {
    name = diva_dataset_class_name(subjects->dataset, i);
  }
  if (name) {
    diva_text_string(&key, name);
  } else if (!subjects->group && i < info.outputs && !info.has_targets) {
    diva_text_integer(&key, i);
  } else {
    diva_text_free(&key);
    return false;
  }
  diva_text_append(&key, "", 1);
  if (key.failed) {
    text->failed = true;
  } else {
    append_quoted(text, key.data);
  }
  diva_text_free(&key);
  return true;
}

static void append_examples(struct diva_text *text, const struct subjects *subjects,
                            struct diva_limits limits) {
  enum { MOST = 20 };
  diva_text_string(text, subjects->group ? "    # Other limits for one group:\n"
                                         : "    # Other limits for one class:\n");
  diva_text_string(text, "    # subjects:\n");
  for (int64_t i = 0; i < MOST; i++) {
    const int64_t start = text->length;
    diva_text_string(text, "    #   ");
    if (!append_subject(text, subjects, i)) {
      text->length = start;
      return;
    }
    diva_text_string(text, ": ");
    append_limits(text, limits);
    diva_text_string(text, "\n");
  }
}

static void append_rule(struct diva_text *text, const struct diva_policy *policy,
                        enum diva_rule rule, const struct diva_dataset *dataset,
                        const char *group) {
  diva_text_string(text, "  # ");
  diva_text_string(text, diva_rule_purpose(rule));
  diva_text_string(text, rule == DIVA_RULE_CLASSES ? " (a number).\n  " : ".\n  ");
  diva_text_string(text, diva_rule_id(rule));
  diva_text_string(text, policy->on[rule] ? ":\n    enabled: true\n" : ":\n    enabled: false\n");
  diva_text_string(text, "    warn: ");
  append_real(text, policy->limits[rule].warn, "none");
  diva_text_string(text, "\n    fail: ");
  append_real(text, policy->limits[rule].fail, "none");
  diva_text_string(text, "\n");
  if (diva_rule_stands_alone(rule)) {
    diva_text_string(text, "    without-baseline: ");
    append_limits(text, policy->alone[rule]);
    diva_text_string(text, "\n");
  }
  if (rule == DIVA_RULE_ADDED_ROWS) {
    diva_text_string(text, "    # Share of the added rows that harm, each by itself.\n"
                           "    warn-harmful-share: ");
    append_real(text, policy->harmful_share_warn, "none");
    diva_text_string(text, "\n");
  }
  if (rule == DIVA_RULE_GROUP_ERROR) {
    diva_text_string(text, "    # Without a baseline: rise of the error on a group that the model "
                           "has not seen.\n    warn-unseen: ");
    append_real(text, policy->unseen_group_warn, "none");
    diva_text_string(text, "\n");
  }
  const struct subjects subjects = {dataset, rule == DIVA_RULE_GROUP_ERROR ? group : NULL};
  const bool has_examples = rule == DIVA_RULE_CLASS_ERROR || subjects.group;
  if (has_overrides(policy, rule)) {
    append_overrides(text, policy, rule);
  } else if (dataset && has_examples) {
    append_examples(text, &subjects, policy->limits[rule]);
  }
  diva_text_string(text, "\n");
}

static void append_waiver(struct diva_text *text, const struct diva_waiver *waiver) {
  diva_text_string(text, "  - rule: ");
  diva_text_string(text, diva_rule_id(waiver->rule));
  diva_text_string(text, waiver->id ? "\n    id: " : "\n    subject: ");
  append_quoted(text, waiver->id ? waiver->id : waiver->subject);
  diva_text_string(text, "\n    reason: ");
  append_quoted(text, waiver->reason);
  if (*waiver->expires) {
    diva_text_string(text, "\n    expires: ");
    diva_text_string(text, waiver->expires);
  }
  diva_text_string(text, "\n");
}

static void append_waivers(struct diva_text *text, const struct diva_policy *policy) {
  diva_text_string(text,
                   "# What is known and accepted for a while: one row (id) or a whole class, group "
                   "or column\n"
                   "# (subject) of one rule, why, and the last day that this holds.\n"
                   "#   - rule: label-noise\n"
                   "#     id: \"the id of a row\"\n"
                   "#     reason: \"looked at, the label is right\"\n"
                   "#     expires: 2030-12-31\n");
  if (policy->waiver_count == 0) {
    diva_text_string(text, "waivers: []\n");
    return;
  }
  diva_text_string(text, "waivers:\n");
  for (int64_t i = 0; i < policy->waiver_count; i++) {
    append_waiver(text, &policy->waivers[i]);
  }
}

static enum diva_status write_text(const char *path, const struct diva_text *text,
                                   struct diva_error *error) {
  struct diva_atomic_file file = {0};
  if (text->failed) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for the policy", path);
  }
  enum diva_status status = diva_atomic_open(path, &file, error);
  if (!status && fwrite(text->data, 1, (size_t)text->length, file.stream) != (size_t)text->length) {
    status = diva_atomic_write_error(path, error);
  }
  if (!status) {
    return diva_atomic_commit(&file, error);
  }
  diva_atomic_abandon(&file);
  return status;
}

enum diva_status diva_policy_write(const struct diva_policy *policy,
                                   const struct diva_dataset *dataset, const char *group,
                                   const char *path, struct diva_error *error) {
  struct diva_text text = {0};
  append_head(&text, policy);
  diva_text_string(&text, "rules:\n");
  for (int rule = 0; rule < DIVA_RULES; rule++) {
    append_rule(&text, policy, (enum diva_rule)rule, dataset, group);
  }
  append_waivers(&text, policy);
  const enum diva_status status = write_text(path, &text, error);
  diva_text_free(&text);
  return status;
}
