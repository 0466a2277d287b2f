/** Reals as decimal text: the digits by one multiplication in extended precision where that is
 * provably the rounding of printf, and printf itself elsewhere. */
#include "text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Powers of ten up to here are exact in a 64-bit mantissa (5^27 < 2^63). */
enum { EXACT_POWER = 27 };

/* mantissa * 10^(exponent - (digits - 1)), mantissa of exactly `digits` digits. */
struct decimal {
  uint64_t mantissa;
  int exponent;
};

static long double power_of_ten(int power) {
  static const long double exact[EXACT_POWER + 1] = {
      1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
      1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
      1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
  return exact[power];
}

static uint64_t integer_power_of_ten(int power) {
  uint64_t result = 1;
  for (int i = 0; i < power; i++) {
    result *= 10;
  }
  return result;
}

/* value * 10^power with at most two roundings; false where that does not reach. */
static bool scale_by_power(double value, int power, long double *out) {
  const int size = power < 0 ? -power : power;
  if (size > 2 * EXACT_POWER) {
    return false;
  }
  const int first = size < EXACT_POWER ? size : EXACT_POWER;
  const long double a = power_of_ten(first);
  const long double b = power_of_ten(size - first);
  *out = power < 0 ? value / a / b : value * a * b;
  return true;
}

/*
 * The `digits` leading digits of value > 0. Two roundings of relative size 2^-64 on a number below
 * 10^17 < 2^57 leave an absolute error under 2^-6: unless the fraction is that near to a half, the
 * integer is the correctly rounded one. `careful` = false skips that check.
 */
static bool leading_digits(double value, int digits, bool careful, struct decimal *out) {
  const uint64_t limit = integer_power_of_ten(digits);
  int binary;
  frexp(value, &binary);
  int exponent = (int)floor((binary - 1) * 0.30102999566398120);
  long double scaled;
  if (!scale_by_power(value, digits - 1 - exponent, &scaled)) {
    return false;
  }
  if (scaled >= (long double)limit) {
    exponent++;
    if (!scale_by_power(value, digits - 1 - exponent, &scaled)) {
      return false;
    }
  }
  uint64_t whole = (uint64_t)scaled;
  const long double fraction = scaled - (long double)whole;
  const long double from_half = fraction - 0.5L;
  if (careful && from_half < 0.02L && from_half > -0.02L) {
    return false;
  }
  whole += from_half > 0;
  if (whole >= limit) {
    whole /= 10;
    exponent++;
  }
  *out = (struct decimal){.mantissa = whole, .exponent = exponent};
  return whole >= limit / 10;
}

/* The value of a decimal of at most 15 digits, rounded once as strtod does, because both operands
 * are exact doubles; false for exponents beyond those. */
static bool decimal_value(const struct decimal *decimal, int digits, double *out) {
  enum { EXACT_DOUBLE_POWER = 22 };
  const int power = decimal->exponent - (digits - 1);
  if (power < -EXACT_DOUBLE_POWER || power > EXACT_DOUBLE_POWER) {
    return false;
  }
  const double mantissa = (double)decimal->mantissa;
  const double scale = (double)power_of_ten(power < 0 ? -power : power);
  *out = power < 0 ? mantissa / scale : mantissa * scale;
  return true;
}

static bool fifteen_digits_suffice(double value, struct decimal *out) {
  double back;
  return leading_digits(value, DBL_DIG, false, out) && decimal_value(out, DBL_DIG, &back) &&
         back == value;
}

static bool six_digits_suffice(double value, struct decimal *out) {
  double back;
  return leading_digits(value, FLT_DIG, false, out) && decimal_value(out, FLT_DIG, &back) &&
         (float)back == (float)value;
}

/* Digits of the mantissa without trailing zeros; returns how many. */
static int mantissa_digits(uint64_t mantissa, char digits[DIVA_REAL_SIZE]) {
  char reversed[DIVA_REAL_SIZE];
  int count = 0;
  for (; mantissa > 0; mantissa /= 10) {
    const char digit = (char)('0' + (int)(mantissa % 10));
    if (count > 0 || digit != '0') {
      reversed[count++] = digit;
    }
  }
  for (int i = 0; i < count; i++) {
    digits[i] = reversed[count - 1 - i];
  }
  return count;
}

static int layout_scientific(const char *digits, int count, int exponent, char *out) {
  int length = 0;
  out[length++] = digits[0];
  if (count > 1) {
    out[length++] = '.';
    memcpy(out + length, digits + 1, (size_t)(count - 1));
    length += count - 1;
  }
  const int size = exponent < 0 ? -exponent : exponent;
  out[length++] = 'e';
  out[length++] = exponent < 0 ? '-' : '+';
  if (size >= 100) {
    out[length++] = (char)('0' + size / 100);
  }
  out[length++] = (char)('0' + size / 10 % 10);
  out[length++] = (char)('0' + size % 10);
  return length;
}

static int layout_fixed(const char *digits, int count, int exponent, char *out) {
  int length = 0;
  if (exponent < 0) {
    out[length++] = '0';
    out[length++] = '.';
    memset(out + length, '0', (size_t)(-exponent - 1));
    length += -exponent - 1;
  }
  for (int i = 0; i < count; i++) {
    if (exponent >= 0 && i == exponent + 1) {
      out[length++] = '.';
    }
    out[length++] = digits[i];
  }
  for (int i = count; i <= exponent; i++) {
    out[length++] = '0';
  }
  return length;
}

/* The C library's own rounding, whatever decimal point the locale has. */
static int format_with_printf(double value, int digits, char out[DIVA_REAL_SIZE]) {
  char text[DIVA_REAL_SIZE];
  int length = 0;
  bool in_point = false;
  snprintf(text, sizeof text, "%.*g", digits, value);
  for (const char *c = text; *c; c++) {
    const bool point = strchr("0123456789+-einfa", *c) == NULL;
    if (!point || !in_point) {
      out[length++] = point ? '.' : *c;
    }
    in_point = point;
  }
  return length;
}

/* As %g lays it out at a precision of `digits`. */
static int layout(const struct decimal *decimal, bool negative, int digits,
                  char out[DIVA_REAL_SIZE]) {
  char text[DIVA_REAL_SIZE] = "0";
  int length = 0;
  if (negative) {
    out[length++] = '-';
  }
  const int count = mantissa_digits(decimal->mantissa, text);
  return length + (decimal->exponent < -4 || decimal->exponent >= digits
                       ? layout_scientific(text, count, decimal->exponent, out + length)
                       : layout_fixed(text, count, decimal->exponent, out + length));
}

/* What has no leading digits, or no long double to find them with. */
static bool is_for_printf(double value) {
  return LDBL_MANT_DIG < 64 || value == 0 || !isfinite(value);
}

int diva_real_format(double value, int digits, char out[DIVA_REAL_SIZE]) {
  const double size = fabs(value);
  struct decimal decimal;
  if (is_for_printf(value) || digits < 1 || digits > DBL_DECIMAL_DIG ||
      (!(digits == DBL_DECIMAL_DIG && fifteen_digits_suffice(size, &decimal)) &&
       !leading_digits(size, digits, true, &decimal))) {
    return format_with_printf(value, digits, out);
  }
  return layout(&decimal, signbit(value), digits, out);
}

int diva_float_format(double value, char out[DIVA_REAL_SIZE]) {
  struct decimal decimal;
  if (is_for_printf(value) || !six_digits_suffice(fabs(value), &decimal)) {
    return diva_real_format(value, FLT_DECIMAL_DIG, out);
  }
  return layout(&decimal, signbit(value), FLT_DECIMAL_DIG, out);
}
