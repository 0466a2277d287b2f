/* What `diva info` found, for a person. */
#include "info.h"
#include "summary.h"

#include <stdlib.h>

enum { CLASSES_SHOWN = 12 };

const char *cli_backend_state_text(enum diva_backend_state state) {
  switch (state) {
  case DIVA_BACKEND_READY:
    return "ready";
  case DIVA_BACKEND_NOT_COMPILED:
    return "not compiled";
  case DIVA_BACKEND_NO_DEVICE:
    return "no device";
  }
  return "unknown";
}

int64_t *cli_info_class_counts(const struct diva_dataset *dataset) {
  struct diva_dataset_info about;
  const int32_t *labels = diva_dataset_labels(dataset);
  diva_dataset_describe(dataset, &about);
  int64_t *counts = labels ? calloc((size_t)about.outputs, sizeof *counts) : NULL;
  for (int64_t i = 0; counts && i < about.rows; i++) {
    if (labels[i] >= 0) {
      counts[labels[i]]++;
    }
  }
  return counts;
}

static void print_classes(FILE *out, const struct diva_dataset *dataset, int64_t classes) {
  int64_t *counts = cli_info_class_counts(dataset);
  if (!counts) {
    return;
  }
  fprintf(out, "  classes    ");
  for (int64_t i = 0; i < classes && i < CLASSES_SHOWN; i++) {
    const char *name = diva_dataset_class_name(dataset, i);
    if (name) {
      fprintf(out, "%s%s %lld", i ? ", " : "", name, (long long)counts[i]);
    } else {
      fprintf(out, "%s%lld: %lld", i ? ", " : "", (long long)i, (long long)counts[i]);
    }
  }
  if (classes > CLASSES_SHOWN) {
    fprintf(out, " and %lld more", (long long)(classes - CLASSES_SHOWN));
  }
  fputc('\n', out);
  free(counts);
}

static void print_also(FILE *out, const struct diva_dataset_info *about) {
  const struct {
    bool there;
    const char *name;
  } parts[] = {{about->has_ids, "ids"},
               {about->has_class_names, "class names"},
               {about->has_weights, "weights"},
               {about->has_base_outputs, "base outputs"}};
  const char *before = "  also       ";
  bool any = false;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (parts[i].there) {
      fprintf(out, "%s%s", before, parts[i].name);
      before = ", ";
      any = true;
    }
  }
  fprintf(out, "%s", any ? "\n" : "");
}

static void print_dataset(FILE *out, const struct diva_dataset *dataset) {
  struct diva_dataset_info about;
  diva_dataset_describe(dataset, &about);
  cli_summary_dataset(out, dataset);
  fprintf(out, "  features   %s, %s\n", diva_dtype_name(about.feature_type), about.layout);
  fprintf(out, "  %s    %lld of %lld rows\n", about.has_targets ? "targets" : "labels ",
          (long long)about.labelled_rows, (long long)about.rows);
  print_classes(out, dataset, about.outputs);
  print_also(out, &about);
}

static void print_plan(FILE *out, const struct cli_info *info) {
  char bytes[32];
  fprintf(out, "a run\n");
  if (!info->planned) {
    fprintf(out, "  cannot be  %s\n", info->unplanned);
    return;
  }
  const struct diva_plan *plan = &info->plan;
  fprintf(out, "  solver     %s, %s, on %s\n", diva_solver_name(plan->solver),
          diva_precision_name(plan->precision), plan->backend);
  fprintf(out, "  work       %d passes over the features, %lld rows at a time, %.3g GFLOP\n",
          plan->passes, (long long)plan->tile_rows, 1e-9 * plan->flops);
  fprintf(out, "  memory     %s\n", cli_bytes_text((double)plan->memory, bytes, sizeof bytes));
}

static void print_machine(FILE *out) {
  struct diva_backend_info backend;
  char bytes[32];
  fprintf(out, "this machine\n");
  fprintf(out, "  cores      %d\n", diva_cores_available());
  fprintf(out, "  memory     %s\n",
          cli_bytes_text((double)diva_memory_available(), bytes, sizeof bytes));
  for (int i = 0; diva_backend_describe(i, &backend); i++) {
    fprintf(out, "  %-9s  %s%s%s\n", backend.name, cli_backend_state_text(backend.state),
            *backend.detail ? ": " : "", backend.detail);
  }
}

void cli_info_text(FILE *out, const struct cli_info *info) {
  if (info->dataset) {
    print_dataset(out, info->dataset);
    if (info->validation) {
      fprintf(out, "validation on ");
      print_dataset(out, info->validation);
    }
    print_plan(out, info);
  }
  print_machine(out);
}
