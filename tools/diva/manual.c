/* The manual page diva(1), from the tables of commands and options. */
#include "help.h"

#include <string.h>

/* Text for troff: '-' as it is typed, no request by accident at the start of a line. */
static void print_text(FILE *out, const char *text) {
  if (*text == '.' || *text == '\'') {
    fputs("\\&", out);
  }
  for (; *text; text++) {
    if (*text == '-') {
      fputs("\\-", out);
    } else if (*text == '\\') {
      fputs("\\e", out);
    } else {
      fputc(*text, out);
    }
  }
}

static void print_line(FILE *out, const char *text) {
  print_text(out, text);
  fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *option,
                         const struct cli_settings *defaults) {
  char value[160];
  fprintf(out, ".TP\n");
  if (option->letter) {
    fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
  }
  fprintf(out, "\\fB\\-\\-");
  print_text(out, option->name);
  fprintf(out, "\\fR");
  if (option->value) {
    fprintf(out, " \\fI");
    print_text(out, option->value);
    fprintf(out, "\\fR");
  }
  fputc('\n', out);
  print_text(out, option->help);
  cli_option_default(option, defaults, value, sizeof value);
  if (*value) {
    fprintf(out, " (default: ");
    print_text(out, value);
    fputc(')', out);
  }
  fprintf(out, ".\n");
}

static void print_command(FILE *out, const struct cli_command *command,
                          const struct cli_settings *defaults) {
  fprintf(out, ".SH DIVA ");
  for (const char *c = command->name; *c; c++) {
    fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
  }
  fprintf(out, "\n.B diva ");
  print_text(out, command->name);
  fprintf(out, "\n[options] ");
  print_line(out, command->files);
  fprintf(out, ".PP\n");
  print_line(out, command->purpose);
  if (command->description) {
    print_line(out, command->description);
  }
  for (const struct cli_option_group *const *group = command->groups; *group; group++) {
    fprintf(out, ".SS ");
    print_line(out, (*group)->heading);
    for (int i = 0; i < (*group)->count; i++) {
      print_option(out, &(*group)->options[i], defaults);
    }
  }
  fprintf(out, ".SS Examples\n");
  for (const struct cli_example *example = command->examples; example->line; example++) {
    fprintf(out, ".TP\n.B ");
    print_line(out, example->line);
    print_line(out, example->meaning);
  }
}

static void print_exit_codes(FILE *out) {
  static const char *const codes[][2] = {
      {"0", "done; check: passed, or warned without --strict-warnings"},
      {"1", "check: a rule warned, with --strict-warnings"},
      {"2", "check: a rule failed"},
      {"3", "bad usage: an unknown command or option, a value that is not allowed"},
      {"4", "bad input: a file that is missing, malformed or absurd"},
      {"5", "numerical failure: a system that cannot be solved"},
      {"6", "resources: memory, disk, a folder that refuses, a device that is not there"},
      {"70", "a defect of diva"},
  };
  fprintf(out, ".SH EXIT STATUS\n");
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    fprintf(out, ".TP\n.B %s\n", codes[i][0]);
    print_line(out, codes[i][1]);
  }
  print_line(out, "An error is one line on standard error, and leaves no output file.");
}

void cli_manual_print(FILE *out, const struct cli_command *const *commands) {
  struct cli_settings defaults;
  cli_settings_init(&defaults);
  fprintf(out, ".TH DIVA 1 \"\" \"diva %s\" \"User Commands\"\n", diva_version());
  fprintf(out, ".SH NAME\ndiva \\- which rows of a training set help and which hurt\n");
  fprintf(out, ".SH SYNOPSIS\n.B diva\n.I COMMAND\n[options] FILE... [\\-o OUT]\n");
  fprintf(out, ".SH DESCRIPTION\n");
  print_line(out, "Analyses a training set given as features in HDF5, in closed form and without "
                  "training: a ridge model on the features, its leave-one-out predictions, and the "
                  "derivative of its mean loss with respect to the weight of every row.");
  fprintf(out, ".PP\n");
  print_line(out, "Several FILEs are shards of one dataset, in the order given. A FILE may be a "
                  "pattern such as 'part-*.h5' (sorted by name), or @LIST, a text file with one "
                  "path a line. Options may stand before or after the files.");
  for (const struct cli_command *const *command = commands; *command; command++) {
    print_command(out, *command, &defaults);
  }
  print_exit_codes(out);
}
