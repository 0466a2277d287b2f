/* The answer to a what-if, for a person. */
#include "what_if_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first column, wide enough for most names of classes and narrow enough for a terminal. */
enum { LEAST_WIDTH = 17, MOST_WIDTH = 32, CLASSES_SHOWN = 40 };

/* More classes than fit: those that change most. */
struct ranked {
  int64_t index;
  double change;
};

static void print_count(FILE *out, int64_t count, const char *what, bool *any) {
  if (count) {
    fprintf(out, "%s%lld %s", *any ? ", " : "", (long long)count, what);
    *any = true;
  }
}

static void print_changes(FILE *out, const struct diva_what_if_summary *what_if) {
  bool any = false;
  fprintf(out, "changed: ");
  print_count(out, what_if->dropped, "dropped", &any);
  print_count(out, what_if->added, "added", &any);
  print_count(out, what_if->relabelled, "relabelled", &any);
  print_count(out, what_if->reweighted, "reweighted", &any);
  fprintf(out, "%s; trained on %lld rows, before %lld\n", any ? "" : "nothing",
          (long long)what_if->after.training_rows, (long long)what_if->before.training_rows);
}

/* A name cut or filled to the width of its column, '?' for control characters. */
static void print_name(FILE *out, int width, const char *name) {
  int column = 0;
  for (; *name; name++) {
    const unsigned char letter = (unsigned char)*name;
    const bool continues = (letter & 0xc0) == 0x80; /* UTF-8: of the character before */
    column += !continues;
    if (column > width) {
      column = width;
      break;
    }
    fputc(letter < 0x20 || letter == 0x7f ? '?' : letter, out);
  }
  fprintf(out, "%*s", column < width ? width - column : 0, "");
}

static void print_head(FILE *out, int width, const char *name, bool labels) {
  fputc('\n', out);
  print_name(out, width, name);
  fprintf(out, " %6s %6s  %7s %7s %9s", "rows", "after", "loss", "after", "change");
  if (labels) {
    fprintf(out, "  %6s %6s %6s", "err %", "after", "change");
  }
  fputc('\n', out);
}

static void print_number(FILE *out, const char *format, int width, double value) {
  if (isnan(value)) {
    fprintf(out, " %*s", width, "-");
  } else {
    fprintf(out, format, width, value + 0.0); /* no -0 */
  }
}

static void print_pair(FILE *out, int width, const char *name, const struct diva_what_if_pair *pair,
                       bool labels) {
  const struct diva_score *before = &pair->before;
  const struct diva_score *after = &pair->after;
  print_name(out, width, name);
  fprintf(out, " %6lld %6lld ", (long long)before->rows, (long long)after->rows);
  print_number(out, " %*.4g", 7, before->loss);
  print_number(out, " %*.4g", 7, after->loss);
  print_number(out, " %+*.3g", 9, after->loss - before->loss);
  if (labels) {
    fputc(' ', out);
    print_number(out, " %*.2f", 6, 100 * before->error);
    print_number(out, " %*.2f", 6, 100 * after->error);
    print_number(out, " %+*.2f", 6, 100 * (after->error - before->error));
  }
  fputc('\n', out);
}

static void print_all(FILE *out, int width, const struct diva_what_if_summary *what_if) {
  const struct diva_what_if_pair *test = what_if->all.test;
  const bool labels = what_if->classes != NULL;
  print_head(out, width, "", labels);
  print_pair(out, width, "leave-one-out", &test[DIVA_WHAT_IF_LOO], labels);
  if (what_if->relabelled) {
    print_pair(out, width, "same rows", &test[DIVA_WHAT_IF_KEPT], labels);
    print_pair(out, width, "same, new labels", &test[DIVA_WHAT_IF_KEPT_RELABELLED], labels);
  } else if (what_if->dropped || what_if->added) {
    print_pair(out, width, "same rows", &test[DIVA_WHAT_IF_KEPT], labels);
  }
  if (test[DIVA_WHAT_IF_VALIDATION].before.rows) {
    print_pair(out, width, "validation", &test[DIVA_WHAT_IF_VALIDATION], labels);
  }
}

static int compare_change(const void *a, const void *b) {
  const struct ranked *one = a;
  const struct ranked *other = b;
  if (one->change != other->change) {
    return one->change < other->change ? 1 : -1;
  }
  return one->index < other->index ? -1 : one->index > other->index;
}

static int compare_index(const void *a, const void *b) {
  const struct ranked *one = a;
  const struct ranked *other = b;
  return one->index < other->index ? -1 : one->index > other->index;
}

/* The classes to show, in their order: all, or those whose loss changes most. NULL without memory.
 */
static struct ranked *choose_classes(const struct diva_what_if_summary *what_if,
                                     enum diva_what_if_test test, int64_t *shown) {
  const int64_t classes = what_if->before.outputs;
  struct ranked *order = malloc((size_t)classes * sizeof *order);
  for (int64_t c = 0; order && c < classes; c++) {
    const struct diva_what_if_pair *pair = &what_if->classes[c].test[test];
    const double change = fabs(pair->after.loss - pair->before.loss);
    order[c] = (struct ranked){c, isnan(change) ? -1 : change};
  }
  *shown = order ? classes : 0;
  if (*shown > CLASSES_SHOWN) {
    *shown = CLASSES_SHOWN;
    qsort(order, (size_t)classes, sizeof *order, compare_change);
    qsort(order, (size_t)*shown, sizeof *order, compare_index);
  }
  return order;
}

static void print_classes(FILE *out, int width, const struct diva_what_if_summary *what_if,
                          const struct diva_dataset *dataset, enum diva_what_if_test test,
                          const char *title) {
  int64_t shown;
  struct ranked *order = choose_classes(what_if, test, &shown);
  print_head(out, width, title, true);
  for (int64_t i = 0; i < shown; i++) {
    char number[24];
    const int64_t c = order[i].index;
    const char *name = diva_dataset_class_name(dataset, c);
    snprintf(number, sizeof number, "%lld", (long long)c);
    print_pair(out, width, name ? name : number, &what_if->classes[c].test[test], true);
  }
  if (shown < what_if->before.outputs) {
    fprintf(out, "and %lld classes that change less (--json has them)\n",
            (long long)(what_if->before.outputs - shown));
  }
  free(order);
}

static int choose_width(const struct diva_dataset *dataset) {
  const char *name;
  size_t width = LEAST_WIDTH;
  for (int64_t c = 0; (name = diva_dataset_class_name(dataset, c)); c++) {
    const size_t length = strlen(name);
    width = length > width ? length : width;
  }
  return width < MOST_WIDTH ? (int)width : MOST_WIDTH;
}

void cli_what_if_print(FILE *out, const struct diva_what_if_summary *what_if,
                       const struct diva_dataset *dataset) {
  const int width = choose_width(dataset);
  print_changes(out, what_if);
  print_all(out, width, what_if);
  if (!what_if->classes) {
    return;
  }
  print_classes(out, width, what_if, dataset, DIVA_WHAT_IF_KEPT, "class, same rows");
  if (what_if->all.test[DIVA_WHAT_IF_VALIDATION].before.rows) {
    print_classes(out, width, what_if, dataset, DIVA_WHAT_IF_VALIDATION, "class, validation");
  }
}
