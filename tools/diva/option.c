/* Parsing of a command's arguments: getopt_long over the command's table of options. */
#include "option.h"

#include <diva/suggest.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* Values that getopt_long returns for long options: the index in the table above every letter. */
enum { LONG_BASE = 256 };

enum { SHORT_MAX = 2 * CLI_OPTIONS_MAX + 2 };

struct table {
  const struct cli_option *options[CLI_OPTIONS_MAX];
  int count;
  struct option longs[CLI_OPTIONS_MAX + 1];
  char shorts[SHORT_MAX];
};

static bool takes_value(const struct cli_option *option) {
  return option->type != CLI_FLAG && option->type != CLI_FLAG_OFF;
}

int cli_options_collect(const struct cli_option_group *const *groups,
                        const struct cli_option *out[CLI_OPTIONS_MAX]) {
  int count = 0;
  for (; *groups; groups++) {
    for (int i = 0; i < (*groups)->count && count < CLI_OPTIONS_MAX; i++) {
      out[count++] = &(*groups)->options[i];
    }
  }
  return count;
}

static void table_build(struct table *table, const struct cli_option_group *const *groups) {
  char *letter = table->shorts;
  memset(table, 0, sizeof *table);
  table->count = cli_options_collect(groups, table->options);
  *letter++ = ':'; /* getopt then tells a missing value from an unknown option */
  for (int i = 0; i < table->count; i++) {
    const struct cli_option *option = table->options[i];
    table->longs[i].name = option->name;
    table->longs[i].has_arg = takes_value(option) ? required_argument : no_argument;
    table->longs[i].val = LONG_BASE + i;
    if (option->letter) {
      *letter++ = option->letter;
      if (takes_value(option)) {
        *letter++ = ':';
      }
    }
  }
}

/* The option that getopt_long's return value (or optopt) stands for; NULL where there is none. */
static const struct cli_option *table_find(const struct table *table, int value) {
  for (int i = 0; i < table->count; i++) {
    if (value == LONG_BASE + i || (value && value == table->options[i]->letter)) {
      return table->options[i];
    }
  }
  return NULL;
}

/* Lists the options that begin with the name typed, where several do. */
static bool ambiguous(const struct table *table, const char *name, size_t length, char *list,
                      size_t size) {
  int found = 0;
  size_t used = 0;
  for (int i = 0; i < table->count && used < size; i++) {
    if (strncmp(table->options[i]->name, name, length) == 0) {
      used += (size_t)snprintf(list + used, size - used, "%s--%s", found++ ? ", " : "",
                               table->options[i]->name);
    }
  }
  return found > 1;
}

static enum diva_status unknown_long(const struct table *table, const char *command,
                                     const char *argument, struct diva_error *error) {
  const char *name = argument + 2;
  size_t length = strcspn(name, "=");
  char list[256];
  if (length && ambiguous(table, name, length, list, sizeof list)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: option '--%.*s' could be one of %s; see 'diva %s --help'", command,
                          (int)length, name, list, command);
  }
  const char *names[CLI_OPTIONS_MAX + 1] = {NULL};
  for (int i = 0; i < table->count; i++) {
    names[i] = table->options[i]->name;
  }
  char typed[64] = "";
  if (length < sizeof typed) {
    memcpy(typed, name, length);
  }
  const char *near = diva_suggest(typed, names);
  return diva_error_set(error, DIVA_ERROR_USAGE,
                        "%s: unknown option '--%.*s'%s%s%s; see 'diva %s --help'", command,
                        (int)length, name, near ? " (did you mean '--" : "", near ? near : "",
                        near ? "'?)" : "", command);
}

static enum diva_status explain(const struct table *table, const char *command, int result,
                                char *const *argv, struct diva_error *error) {
  const struct cli_option *option = table_find(table, optopt);
  if (result == ':') {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: option '--%s' needs a value: --%s %s",
                          command, option->name, option->name, option->value);
  }
  if (option) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: option '--%s' takes no value", command,
                          option->name);
  }
  if (optopt) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "%s: unknown option '-%c'; see 'diva %s --help'",
                          command, optopt, command);
  }
  return unknown_long(table, command, argv[optind - 1], error);
}

enum diva_status cli_options_parse(const char *command,
                                   const struct cli_option_group *const *groups, int argc,
                                   char **argv, void *settings, int *first_file,
                                   struct diva_error *error) {
  struct table table;
  enum diva_status status = DIVA_OK;
  table_build(&table, groups);
  opterr = 0;
  optind = 0; /* start over, also the permutation of glibc */
  while (status == DIVA_OK) {
    int result = getopt_long(argc, argv, table.shorts, table.longs, NULL);
    if (result == -1) {
      break;
    }
    const struct cli_option *option = table_find(&table, result);
    if (option) {
      status = cli_option_store(option, optarg, settings, error);
      if (status) {
        diva_error_prefix(error, "%s: ", command);
      }
    } else {
      status = explain(&table, command, result, argv, error);
    }
  }
  *first_file = optind;
  return status;
}
