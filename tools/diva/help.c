/* Help on a terminal: the program's commands, and one command's options with their defaults. */
#include "help.h"

#include <string.h>

enum { WIDTH = 80, OPTION_INDENT = 2, TEXT_INDENT = 26 };

/* Prints words up to WIDTH, breaking before a word that does not fit; `column` is where the line
 * stands already. Ends the line. */
static void print_wrapped(FILE *out, const char *text, int indent, int column) {
  while (*text) {
    int length = (int)strcspn(text, " ");
    if (column > indent && column + 1 + length > WIDTH) {
      fprintf(out, "\n%*s", indent, "");
      column = indent;
    } else if (column > indent) {
      fputc(' ', out);
      column++;
    }
    fprintf(out, "%.*s", length, text);
    column += length;
    text += length;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *option,
                         const struct cli_settings *defaults) {
  char text[512];
  char value[160];
  int column = fprintf(out, "%*s", OPTION_INDENT, "");
  column += option->letter ? fprintf(out, "-%c, ", option->letter) : fprintf(out, "    ");
  column += fprintf(out, "--%s", option->name);
  if (option->value) {
    column += fprintf(out, " %s", option->value);
  }
  if (column > TEXT_INDENT - 2) {
    column = 0;
    fputc('\n', out);
  }
  fprintf(out, "%*s", TEXT_INDENT - column, "");
  cli_option_default(option, defaults, value, sizeof value);
  snprintf(text, sizeof text, "%s%s%s%s", option->help, *value ? " (default: " : "", value,
           *value ? ")" : "");
  print_wrapped(out, text, TEXT_INDENT, TEXT_INDENT);
}

void cli_help_command(FILE *out, const struct cli_command *command) {
  struct cli_settings defaults;
  cli_settings_start(&defaults, command);
  fprintf(out, "usage: diva %s [options] %s\n\n", command->name, command->files);
  print_wrapped(out, command->purpose, 0, 0);
  if (command->description) {
    fputc('\n', out);
    print_wrapped(out, command->description, 0, 0);
  }
  for (const struct cli_option_group *const *group = command->groups; *group; group++) {
    fprintf(out, "\n%s:\n", (*group)->heading);
    for (int i = 0; i < (*group)->count; i++) {
      print_option(out, &(*group)->options[i], &defaults);
    }
  }
  fprintf(out, "\nExamples:\n");
  for (const struct cli_example *example = command->examples; example->line; example++) {
    fprintf(out, "  %s\n", example->line);
    fprintf(out, "%*s", 6, "");
    print_wrapped(out, example->meaning, 6, 6);
  }
}

void cli_help_program(FILE *out, const struct cli_command *const *commands) {
  fprintf(out, "usage: diva COMMAND [options] FILE... [-o OUT]\n\n");
  print_wrapped(out,
                "Tells which rows of a training set help and which hurt, from features in HDF5, in "
                "closed form and without training.",
                0, 0);
  fprintf(out, "\nCommands:\n");
  for (; *commands; commands++) {
    fprintf(out, "  %-10s", (*commands)->name);
    print_wrapped(out, (*commands)->purpose, 12, 12);
  }
  fprintf(out, "\n"
               "  diva COMMAND --help         options and examples of a command\n"
               "  diva --version              the version\n"
               "  diva --man                  the manual page, for 'man -l -'\n"
               "  diva --completion SHELL     completion for bash, zsh or fish\n"
               "\n"
               "Exit codes: 0 done, 1 check warned (with --strict-warnings), 2 check failed,\n"
               "3 bad usage, 4 bad input, 5 numerical failure, 6 memory, disk or device,\n"
               "70 a defect of diva.\n"
               "\n"
               "Examples:\n"
               "  diva info digits.h5\n"
               "      what is in the file, and what the machine can do with it\n"
               "  diva clean digits.h5 -o clean.jsonl\n"
               "      find wrong labels, and say which rows to keep\n"
               "  diva rank digits.h5 --validation test.h5 -o rank.csv\n"
               "      how much each row raises or lowers the loss on another set\n");
}
