/* The bench: generated features are what they are said to be, and figures fit each other. */
#include "host/bench/generated.h"

#include <criterion/criterion.h>
#include <diva/bench.h>
#include <math.h>
#include <string.h>

enum { ROWS = 700, COLUMNS = 13, OUTPUTS = 3 };

static struct diva_generated make(enum diva_dtype type, uint64_t seed, int threads) {
  struct diva_generated set = {.rows = ROWS, .columns = COLUMNS, .outputs = OUTPUTS, .type = type};
  struct diva_error error;
  cr_assert(diva_generated_make(&set, seed, threads, &error) == DIVA_OK, "%s", error.message);
  return set;
}

Test(bench, bytes_do_not_depend_on_threads) {
  const size_t bytes = (size_t)(ROWS * COLUMNS) * sizeof(float);
  struct diva_generated alone = make(DIVA_FLOAT32, 5, 1);
  struct diva_generated three = make(DIVA_FLOAT32, 5, 3);
  struct diva_generated other = make(DIVA_FLOAT32, 6, 1);
  cr_expect(memcmp(alone.features, three.features, bytes) == 0);
  cr_expect(memcmp(alone.features, other.features, bytes) != 0);
  for (int64_t i = 0; i < ROWS; i++) {
    cr_expect(alone.labels[i] == (int32_t)(i % OUTPUTS));
  }
  diva_generated_free(&alone);
  diva_generated_free(&three);
  diva_generated_free(&other);
}

static double real_of_half(uint16_t half) {
  const double mantissa = ldexp((double)(half & 0x3ffU), -10);
  const int exponent = half >> 10 & 0x1f;
  const double size = exponent ? ldexp(1.0 + mantissa, exponent - 15) : ldexp(mantissa, -14);
  return half & 0x8000U ? -size : size;
}

static double real_of_bfloat(uint16_t stored) {
  const uint32_t bits = (uint32_t)stored << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

/* The same numbers in every type, to half a unit in the last place of the type. */
Test(bench, types_hold_the_same_numbers) {
  struct diva_generated single = make(DIVA_FLOAT32, 1, 2);
  struct diva_generated wide = make(DIVA_FLOAT64, 1, 2);
  struct diva_generated half = make(DIVA_FLOAT16, 1, 2);
  struct diva_generated bfloat = make(DIVA_BFLOAT16, 1, 2);
  double squares = 0.0;
  for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
    const double x = (double)((const float *)single.features)[i];
    const double from_half = real_of_half(((const uint16_t *)half.features)[i]);
    const double from_bfloat = real_of_bfloat(((const uint16_t *)bfloat.features)[i]);
    cr_expect(((const double *)wide.features)[i] == x);
    cr_expect(fabs(from_half - x) <= fmax(ldexp(fabs(x), -11), 0x1p-14), "%g as %g", x, from_half);
    cr_expect(fabs(from_bfloat - x) <= ldexp(fabs(x), -8), "%g as %g", x, from_bfloat);
    squares += x * x;
  }
  const double variance = squares / (ROWS * COLUMNS);
  cr_expect(variance > 0.8 && variance < 1.2, "variance %g", variance);
  diva_generated_free(&single);
  diva_generated_free(&wide);
  diva_generated_free(&half);
  diva_generated_free(&bfloat);
}

static struct diva_bench_options small_options(void) {
  struct diva_bench_options options;
  diva_bench_options_init(&options);
  options.rows = ROWS;
  options.columns = COLUMNS;
  options.outputs = OUTPUTS;
  options.repeats = 2;
  return options;
}

Test(bench, figures_fit_each_other) {
  const struct diva_bench_options options = small_options();
  struct diva_bench bench;
  struct diva_error error;
  double flops = 0.0;
  double seconds = 0.0;
  cr_assert(diva_bench_run(&options, NULL, &bench, &error) == DIVA_OK, "%s", error.message);
  cr_expect(bench.rows == ROWS && bench.columns == COLUMNS && bench.outputs == OUTPUTS);
  cr_expect(bench.matrix_rate > 0.0 && bench.copy_rate > 0.0 && bench.seconds > 0.0);
  for (int i = 0; i < DIVA_PHASES; i++) {
    const struct diva_bench_phase *phase = &bench.phases[i];
    const bool reads = strcmp(phase->name, "read") == 0;
    const double work = reads ? phase->bytes : phase->flops;
    const double best = reads ? bench.copy_rate : bench.matrix_rate;
    cr_expect(strcmp(phase->name, diva_phase_name(i)) == 0);
    cr_expect(isnan(phase->ratio) == !(work > 0.0));
    cr_expect(isnan(phase->ratio) ||
              fabs(phase->ratio * phase->seconds * best - work) <= 1e-9 * work);
    flops += phase->flops;
    seconds += phase->seconds;
  }
  cr_expect(seconds <= bench.seconds, "phases take %g s of %g s", seconds, bench.seconds);
  /* Three passes; one where a device keeps the rows. */
  const double pass = (double)ROWS * COLUMNS * sizeof(float);
  cr_expect(bench.phases[0].bytes == 3.0 * pass || bench.phases[0].bytes == pass);
  cr_expect(fabs(bench.ratio * bench.seconds * bench.matrix_rate - flops) <= 1e-9 * flops);
}

static void expect_refusal(const struct diva_bench_options *options, enum diva_status status,
                           const char *words) {
  struct diva_bench bench;
  struct diva_error error;
  cr_expect(diva_bench_run(options, NULL, &bench, &error) == status);
  cr_expect(strstr(error.message, words), "'%s' does not say '%s'", error.message, words);
}

Test(bench, refusals) {
  struct diva_bench_options options = small_options();
  options.version = 99;
  expect_refusal(&options, DIVA_ERROR_USAGE, "99");
  options = small_options();
  options.repeats = 0;
  expect_refusal(&options, DIVA_ERROR_USAGE, "runs");
  options = small_options();
  options.outputs = ROWS + 1;
  expect_refusal(&options, DIVA_ERROR_USAGE, "as many rows as outputs");
  options = small_options();
  options.rows = INT64_MAX / 2;
  expect_refusal(&options, DIVA_ERROR_RESOURCE, "memory");
  options = small_options();
  options.backend = "abacus";
  expect_refusal(&options, DIVA_ERROR_USAGE, "abacus");
}
