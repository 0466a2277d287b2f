/* The value of an option: from text with exact checks, back to text for help, and freed. */
#include "option.h"

#include <diva/suggest.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a number may be, in words: "at least 1 and at most 4096", "above 0, or 'auto'". */
static void describe_range(const struct cli_option *option, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  if (isfinite(option->minimum)) {
    used += (size_t)snprintf(out, size, "%s %.15g", option->above_minimum ? "above" : "at least",
                             option->minimum);
  }
  if (isfinite(option->maximum)) {
    used += (size_t)snprintf(out + used, size - used, "%s%s %.15g", used ? " and " : "",
                             option->below_maximum ? "below" : "at most", option->maximum);
  }
  if (!used) {
    used += (size_t)snprintf(out, size, "a number");
  }
  if (option->word) {
    snprintf(out + used, size - used, ", or '%s'", option->word);
  }
}

static enum diva_status refuse(const struct cli_option *option, const char *text,
                               const char *reason, struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_USAGE, "--%s '%s': %s", option->name, text, reason);
}

static enum diva_status refuse_range(const struct cli_option *option, const char *text,
                                     struct diva_error *error) {
  char range[128];
  describe_range(option, range, sizeof range);
  return diva_error_set(error, DIVA_ERROR_USAGE, "--%s '%s': must be %s", option->name, text,
                        range);
}

static enum diva_status refuse_number(const struct cli_option *option, const char *text,
                                      struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_USAGE, "--%s '%s': not a finite number%s%s%s",
                        option->name, text, option->word ? ", nor '" : "",
                        option->word ? option->word : "", option->word ? "'" : "");
}

static bool in_range(const struct cli_option *option, double value) {
  bool low = option->above_minimum ? value > option->minimum : value >= option->minimum;
  bool high = option->below_maximum ? value < option->maximum : value <= option->maximum;
  return low && high;
}

/* strtod also takes leading blanks, hexadecimal, "nan" and "inf": the characters are checked. */
bool cli_real_parse(const char *text, double *out) {
  char *end;
  if (!*text || text[strspn(text, "0123456789+-.eE")]) {
    return false;
  }
  *out = strtod(text, &end);
  return end != text && !*end && isfinite(*out);
}

static bool parse_integer(const char *text, int64_t *out) {
  char *end;
  const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
  if (!*digits || digits[strspn(digits, "0123456789")]) {
    return false;
  }
  errno = 0;
  *out = strtoll(text, &end, 10);
  return errno == 0;
}

/* Bytes of a unit: "", "K", "KB", "KiB" ... in powers of 1024; 0 where it is none. */
static double unit_bytes(const char *unit) {
  static const char letters[] = "KMGT";
  if (!*unit || strcmp(unit, "B") == 0) {
    return 1;
  }
  char upper = *unit >= 'a' && *unit <= 'z' ? (char)(*unit - 'a' + 'A') : *unit;
  const char *letter = strchr(letters, upper);
  if (!letter || (unit[1] && strcmp(unit + 1, "B") != 0 && strcmp(unit + 1, "iB") != 0)) {
    return 0;
  }
  return ldexp(1, 10 * (int)(letter - letters + 1));
}

static bool parse_size(const char *text, int64_t *out) {
  char number[32];
  double value;
  size_t length = strspn(text, "0123456789.");
  if (length >= sizeof number) {
    return false;
  }
  memcpy(number, text, length);
  number[length] = '\0';
  double unit = unit_bytes(text + length);
  if (unit == 0 || !cli_real_parse(number, &value) || value * unit >= ldexp(1, 62)) {
    return false;
  }
  *out = (int64_t)(value * unit);
  return true;
}

static enum diva_status store_real(const struct cli_option *option, const char *text, void *field,
                                   struct diva_error *error) {
  double value;
  if (option->word && strcmp(text, option->word) == 0) {
    value = option->word_value;
  } else if (!cli_real_parse(text, &value)) {
    return refuse_number(option, text, error);
  } else if (!in_range(option, value)) {
    return refuse_range(option, text, error);
  }
  memcpy(field, &value, sizeof value);
  return DIVA_OK;
}

static enum diva_status store_integer(const struct cli_option *option, const char *text,
                                      void *field, struct diva_error *error) {
  int64_t value;
  if (!parse_integer(text, &value)) {
    return refuse(option, text, "not a whole number that fits 64 bits", error);
  }
  if (!in_range(option, (double)value)) {
    return refuse_range(option, text, error);
  }
  memcpy(field, &value, sizeof value);
  return DIVA_OK;
}

static enum diva_status store_size(const struct cli_option *option, const char *text, void *field,
                                   struct diva_error *error) {
  int64_t value;
  if (!parse_size(text, &value) || !in_range(option, (double)value)) {
    return refuse(option, text, "not a size such as 800M or 16G", error);
  }
  memcpy(field, &value, sizeof value);
  return DIVA_OK;
}

static enum diva_status store_choice(const struct cli_option *option, const char *text, void *field,
                                     struct diva_error *error) {
  char all[256];
  size_t used = 0;
  for (int i = 0; option->choices[i]; i++) {
    if (strcmp(text, option->choices[i]) == 0) {
      memcpy(field, &i, sizeof i);
      return DIVA_OK;
    }
    used +=
        (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", option->choices[i]);
  }
  const char *near = diva_suggest(text, option->choices);
  return diva_error_set(error, DIVA_ERROR_USAGE, "--%s '%s': must be one of %s%s%s%s", option->name,
                        text, all, near ? " (did you mean '" : "", near ? near : "",
                        near ? "'?)" : "");
}

static enum diva_status store_list(const char *text, struct cli_list *list,
                                   struct diva_error *error) {
  const char **values = realloc(list->values, ((size_t)list->count + 1) * sizeof *values);
  if (!values) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the command line");
  }
  values[list->count++] = text;
  list->values = values;
  return DIVA_OK;
}

static enum diva_status store_text(const struct cli_option *option, const char *text, void *field,
                                   struct diva_error *error) {
  if (!*text) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "--%s: the value is empty", option->name);
  }
  if (option->type == CLI_LIST) {
    return store_list(text, field, error);
  }
  memcpy(field, &text, sizeof text);
  return DIVA_OK;
}

enum diva_status cli_option_store(const struct cli_option *option, const char *text, void *settings,
                                  struct diva_error *error) {
  void *field = (char *)settings + option->offset;
  bool flag = option->type == CLI_FLAG;
  switch (option->type) {
  case CLI_FLAG:
  case CLI_FLAG_OFF:
    memcpy(field, &flag, sizeof flag);
    return DIVA_OK;
  case CLI_STRING:
  case CLI_FILE:
  case CLI_LIST:
    return store_text(option, text, field, error);
  case CLI_INTEGER:
    return store_integer(option, text, field, error);
  case CLI_SIZE:
    return store_size(option, text, field, error);
  case CLI_REAL:
    return store_real(option, text, field, error);
  case CLI_CHOICE:
    return store_choice(option, text, field, error);
  }
  return diva_error_set(error, DIVA_ERROR_INTERNAL, "--%s: unknown type of option", option->name);
}

void cli_options_free(const struct cli_option_group *const *groups, void *settings) {
  const struct cli_option *options[CLI_OPTIONS_MAX];
  const int count = cli_options_collect(groups, options);
  for (int i = 0; i < count; i++) {
    if (options[i]->type == CLI_LIST) {
      struct cli_list *list = (struct cli_list *)(void *)((char *)settings + options[i]->offset);
      free(list->values);
      *list = (struct cli_list){0};
    }
  }
}

void cli_option_default(const struct cli_option *option, const void *settings, char *out,
                        size_t size) {
  const void *field = (const char *)settings + option->offset;
  double real;
  int64_t integer;
  const char *text;
  int choice;
  out[0] = '\0';
  if (option->fallback) {
    snprintf(out, size, "%s", option->fallback);
  } else if (option->type == CLI_REAL) {
    memcpy(&real, field, sizeof real);
    if (option->word && real == option->word_value) {
      snprintf(out, size, "%s", option->word);
    } else if (isfinite(real)) {
      snprintf(out, size, "%g", real);
    }
  } else if (option->type == CLI_STRING) {
    memcpy(&text, field, sizeof text);
    snprintf(out, size, "%s", text ? text : "");
  } else if (option->type == CLI_INTEGER || option->type == CLI_SIZE) {
    memcpy(&integer, field, sizeof integer);
    snprintf(out, size, "%lld", (long long)integer);
  } else if (option->type == CLI_CHOICE) {
    memcpy(&choice, field, sizeof choice);
    if (choice >= 0) {
      snprintf(out, size, "%s", option->choices[choice]);
    }
  }
}
