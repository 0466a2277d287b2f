/**
 * @file option.h
 * The table of options: one description, from which parsing, help, man page and completion come.
 */
#ifndef DIVA_CLI_OPTION_H
#define DIVA_CLI_OPTION_H

#include <diva/error.h>

enum cli_option_type {
  CLI_FLAG,     /**< bool, set true */
  CLI_FLAG_OFF, /**< bool, set false */
  CLI_STRING,   /**< const char * */
  CLI_FILE,     /**< const char *, a path */
  CLI_INTEGER,  /**< int64_t */
  CLI_SIZE,     /**< int64_t bytes, with K, M, G or T behind */
  CLI_REAL,     /**< double */
  CLI_CHOICE,   /**< int or an enum, the index into `choices` */
  CLI_LIST      /**< struct cli_list: may be given many times */
};

/** The values of an option that may be given many times, in their order. Zeroed: none. */
struct cli_list {
  const char **values; /**< owned, the texts borrowed from the command line */
  int count;
};

struct cli_option {
  const char *name; /**< long name without dashes */
  char letter;      /**< short name, 0: none */
  enum cli_option_type type;
  size_t offset;     /**< of the value in struct cli_settings */
  const char *value; /**< what help calls the value, NULL for flags */
  const char *help;
  const char *fallback;       /**< the default in words, where the settings hold no printable one */
  const char *const *choices; /**< NULL at the end */
  const char *word;           /**< a word taken in place of a number, NULL: none */
  double word_value;          /**< what the word stands for */
  double minimum, maximum;
  bool above_minimum; /**< the minimum itself is refused */
  bool below_maximum; /**< the maximum itself is refused */
};

struct cli_option_group {
  const char *heading;
  const struct cli_option *options;
  int count;
};

/** More than any command has. */
enum { CLI_OPTIONS_MAX = 64 };

/** Gathers the options of the groups (NULL at the end) into `out`; returns how many. */
int cli_options_collect(const struct cli_option_group *const *groups,
                        const struct cli_option *out[CLI_OPTIONS_MAX]);

/**
 * Parses argv[1..] into `settings`; options may stand before, between and after the files.
 * @param command     the command's name, for messages
 * @param argv        reordered so that the files are the last arguments
 * @param first_file  index into argv of the first file
 * @return DIVA_ERROR_USAGE with a suggestion where one is near
 */
enum diva_status cli_options_parse(const char *command,
                                   const struct cli_option_group *const *groups, int argc,
                                   char **argv, void *settings, int *first_file,
                                   struct diva_error *error);

/** Converts `text` and stores it where the option says. DIVA_ERROR_USAGE says what is allowed. */
enum diva_status cli_option_store(const struct cli_option *option, const char *text, void *settings,
                                  struct diva_error *error);

/** Whether all of `text` is a finite decimal number. */
bool cli_real_parse(const char *text, double *out);

/** Frees what parsing took for lists. */
void cli_options_free(const struct cli_option_group *const *groups, void *settings);

/** The default of an option in words, read from `settings` that hold the defaults; "" for none. */
void cli_option_default(const struct cli_option *option, const void *settings, char *out,
                        size_t size);

#endif
