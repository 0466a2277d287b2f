/* Times `diva rank` from file to file against this machine's own sgemm, in one run. */
#define _GNU_SOURCE
#include "host/core/core.h"
#include "host/core/random.h"
#include "kernels/cpu/blas.h"

#include <diva/diva.h>

#include <hdf5.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 3, SGEMM_SIDE = 4096, SGEMM_RUNS = 4 };

struct shape {
  int64_t rows;
  int64_t columns;
  int64_t classes;
};

struct run {
  double seconds;
  double peak_mebibytes;
  json_t *summary;
};

static void fail(const char *what) {
  fprintf(stderr, "bench_rank: %s\n", what);
  exit(EXIT_FAILURE);
}

/* Sum of uniforms less its mean: near enough to normal, and quick. */
static float noise(struct diva_random *random) {
  const uint64_t bits = diva_random_next(random);
  const uint64_t sum =
      (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
  return (float)((double)sum / 65536.0 - 2.0) * 1.7F;
}

static void fill_block(const struct shape *shape, const float *means, int32_t *labels,
                       float *features, int64_t count, struct diva_random *random) {
  for (int64_t i = 0; i < count; i++) {
    labels[i] = (int32_t)diva_random_below(random, shape->classes);
    const float *mean = means + labels[i] * shape->columns;
    for (int64_t j = 0; j < shape->columns; j++) {
      features[i * shape->columns + j] = mean[j] + noise(random);
    }
  }
}

static void write_block(hid_t dataset, hid_t type, int rank, const hsize_t *start,
                        const hsize_t *count, const void *data) {
  const hid_t file_space = H5Dget_space(dataset);
  const hid_t memory_space = H5Screate_simple(rank, count, NULL);
  H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL);
  if (H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, data) < 0) {
    fail("the bench file cannot be written");
  }
  H5Sclose(memory_space);
  H5Sclose(file_space);
}

static void write_dataset(const char *path, const struct shape *shape) {
  enum { BLOCK = 1024 };
  struct diva_random random = {7};
  const hsize_t size[2] = {(hsize_t)shape->rows, (hsize_t)shape->columns};
  float *means = malloc((size_t)(shape->classes * shape->columns) * sizeof *means);
  float *features = malloc((size_t)(BLOCK * shape->columns) * sizeof *features);
  int32_t labels[BLOCK];
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t wide = H5Screate_simple(2, size, NULL);
  const hid_t narrow = H5Screate_simple(1, size, NULL);
  if (!means || !features || file < 0) {
    fail("the bench file cannot be made");
  }
  const hid_t feature_set =
      H5Dcreate2(file, "features", H5T_IEEE_F32LE, wide, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t label_set =
      H5Dcreate2(file, "labels", H5T_STD_I32LE, narrow, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  for (int64_t i = 0; i < shape->classes * shape->columns; i++) {
    means[i] = 0.1F * noise(&random);
  }
  for (int64_t first = 0; first < shape->rows; first += BLOCK) {
    const int64_t left = shape->rows - first;
    const int64_t count = left < BLOCK ? left : BLOCK;
    const hsize_t start[2] = {(hsize_t)first, 0};
    const hsize_t extent[2] = {(hsize_t)count, size[1]};
    fill_block(shape, means, labels, features, count, &random);
    write_block(feature_set, H5T_NATIVE_FLOAT, 2, start, extent, features);
    write_block(label_set, H5T_NATIVE_INT32, 1, start, extent, labels);
  }
  H5Dclose(feature_set);
  H5Dclose(label_set);
  H5Sclose(wide);
  H5Sclose(narrow);
  H5Fclose(file);
  free(means);
  free(features);
}

/* Best rate of a square float32 product over several runs, in flops a second. */
static double measure_sgemm(const struct diva_blas *blas, int threads) {
  const size_t values = (size_t)SGEMM_SIDE * SGEMM_SIDE;
  float *a = malloc(values * sizeof *a);
  float *b = malloc(values * sizeof *b);
  float *c = calloc(values, sizeof *c);
  double best = 0.0;
  if (!a || !b || !c) {
    fail("out of memory");
  }
  for (size_t i = 0; i < values; i++) {
    a[i] = b[i] = (float)(i % 17) / 17.0F;
  }
  if (blas->set_threads) {
    blas->set_threads(threads);
  }
  for (int run = 0; run < SGEMM_RUNS; run++) {
    const double start = diva_clock_seconds();
    blas->sgemm(DIVA_BLAS_ROW_MAJOR, DIVA_BLAS_PLAIN, DIVA_BLAS_PLAIN, SGEMM_SIDE, SGEMM_SIDE,
                SGEMM_SIDE, 1.0F, a, SGEMM_SIDE, b, SGEMM_SIDE, 0.0F, c, SGEMM_SIDE);
    best = fmax(best, 2.0 * pow(SGEMM_SIDE, 3) / (diva_clock_seconds() - start));
  }
  free(a);
  free(b);
  free(c);
  return best;
}

static json_t *read_summary(int descriptor) {
  FILE *stream = fdopen(descriptor, "r");
  json_t *summary = stream ? json_loadf(stream, 0, NULL) : NULL;
  if (!summary) {
    fail("the program printed no summary");
  }
  fclose(stream);
  return summary;
}

static struct run run_program(const char *program, const char *input, const char *output) {
  int ends[2];
  struct run run = {0};
  struct rusage usage;
  int status = 0;
  if (pipe(ends) != 0) {
    fail("no pipe");
  }
  const double start = diva_clock_seconds();
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl(program, program, "rank", input, "-o", output, "--json", "--quiet", (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  run.summary = read_summary(ends[0]);
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
    fail("the program failed");
  }
  run.seconds = diva_clock_seconds() - start;
  run.peak_mebibytes = (double)usage.ru_maxrss / 1024.0;
  return run;
}

/* Flops that a phase cannot avoid; 0 for those that are not matrix work. */
static double useful_flops(const struct shape *shape, const char *phase) {
  const double n = (double)shape->rows;
  const double d = (double)shape->columns;
  const double k = (double)shape->classes;
  if (strcmp(phase, "gram") == 0) {
    return n * d * (d + 2.0 * k);
  }
  if (strcmp(phase, "loo") == 0) {
    return n * d * (2.0 * d + 4.0 * k);
  }
  return strcmp(phase, "derivative") == 0 ? n * d * (d + 2.0 * k) : 0.0;
}

static void print_phases(const struct shape *shape, const struct run *run, double sgemm) {
  const json_t *seconds = json_object_get(run->summary, "seconds");
  double accounted = 0.0;
  printf("%-12s %8s %10s %8s\n", "phase", "seconds", "GFLOP/s", "ratio");
  for (int phase = 0; diva_phase_name(phase); phase++) {
    const char *name = diva_phase_name(phase);
    const double spent = json_number_value(json_object_get(seconds, name));
    const double rate = spent > 0.0 ? useful_flops(shape, name) / spent : 0.0;
    accounted += spent;
    if (rate > 0.0) {
      printf("%-12s %8.3f %10.1f %8.2f\n", name, spent, rate * 1e-9, rate / sgemm);
    } else if (spent > 0.0) {
      printf("%-12s %8.3f %10s %8s\n", name, spent, "", "");
    }
  }
  printf("%-12s %8.3f   (start, checksum, writing)\n", "the rest", run->seconds - accounted);
}

static int compare_runs(const void *left, const void *right) {
  const struct run *a = left;
  const struct run *b = right;
  return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

static void report(const struct shape *shape, const struct run *run, double sgemm, int threads) {
  const double useful =
      useful_flops(shape, "gram") + useful_flops(shape, "loo") + useful_flops(shape, "derivative");
  const double rate = useful / run->seconds;
  printf("%lld x %lld float32, %lld classes, %d threads; sgemm %.1f GFLOP/s\n",
         (long long)shape->rows, (long long)shape->columns, (long long)shape->classes, threads,
         sgemm * 1e-9);
  print_phases(shape, run, sgemm);
  printf("file to file %.3f s (median of %d), %.1f GFLOP/s useful, ratio %.2f to sgemm, peak %.0f "
         "MiB\n",
         run->seconds, RUNS, rate * 1e-9, rate / sgemm, run->peak_mebibytes);
  json_t *record = json_pack(
      "{s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:O, s:O}", "rows", (json_int_t)shape->rows,
      "columns", (json_int_t)shape->columns, "classes", (json_int_t)shape->classes, "threads",
      threads, "sgemm_gflops", sgemm * 1e-9, "seconds", run->seconds, "ratio", rate / sgemm,
      "peak_mebibytes", run->peak_mebibytes, "phases", json_object_get(run->summary, "seconds"),
      "library", json_object_get(run->summary, "library"));
  json_dumpf(record, stdout, JSON_REAL_PRECISION(6));
  printf("\n");
  json_decref(record);
}

static int64_t argument(int count, char **arguments, int index, int64_t fallback) {
  return count > index ? strtoll(arguments[index], NULL, 10) : fallback;
}

int main(int count, char **arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: bench_rank DIVA [ROWS COLUMNS CLASSES]\n");
    return EXIT_FAILURE;
  }
  const struct shape shape = {argument(count, arguments, 2, 50000),
                              argument(count, arguments, 3, 1024),
                              argument(count, arguments, 4, 10)};
  if (shape.rows < 2 || shape.columns < 1 || shape.classes < 2) {
    fail("rows, columns and classes must be at least 2, 1 and 2");
  }
  char folder[] = "/tmp/diva-bench-XXXXXX";
  char input[64];
  char output[64];
  char provenance[96];
  struct diva_blas blas;
  struct diva_error error;
  struct run runs[RUNS];
  if (!mkdtemp(folder) || diva_blas_load(&blas, &error) != DIVA_OK) {
    fail("no folder in /tmp, or no BLAS");
  }
  snprintf(input, sizeof input, "%s/features.h5", folder);
  snprintf(output, sizeof output, "%s/rows.jsonl", folder);
  snprintf(provenance, sizeof provenance, "%s.provenance.json", output);
  write_dataset(input, &shape);
  const int threads = diva_cores_available();
  double sgemm = measure_sgemm(&blas, threads);
  for (int i = 0; i < RUNS; i++) {
    runs[i] = run_program(arguments[1], input, output);
  }
  sgemm = fmax(sgemm, measure_sgemm(&blas, threads));
  qsort(runs, RUNS, sizeof *runs, compare_runs);
  report(&shape, &runs[RUNS / 2], sgemm, threads);
  for (int i = 0; i < RUNS; i++) {
    json_decref(runs[i].summary);
  }
  unlink(input);
  unlink(output);
  unlink(provenance);
  rmdir(folder);
  return EXIT_SUCCESS;
}
