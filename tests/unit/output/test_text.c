/* Reals, strings and CSV fields as text. */
#include "host/output/text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Any bits, numbers of ordinary size, and short decimals in turn. */
static double random_real(uint64_t *state, int kind) {
  const uint64_t bits = next_random(state);
  double value;
  memcpy(&value, &bits, sizeof value);
  if (kind % 3 == 1) {
    value = (double)(int64_t)bits / 1e18;
  } else if (kind % 3 == 2) {
    value = (double)(bits % 1000000) / (double)(1 + next_random(state) % 1000);
  }
  return isfinite(value) ? value : 0;
}

static void format(double value, int digits, char out[DIVA_REAL_SIZE + 1]) {
  out[diva_real_format(value, digits, out)] = '\0';
}

Test(text, nine_digits_are_those_of_printf) {
  const double special[] = {
      0,     -0.0,   1,    -10,           0.1,           1e-4,
      1e-5,  5e-324, 1e22, 123456789,     1234567890,    999999999.5,
      9.5e9, 2.5,    0.3,  0.99999999949, 0.99999999951, 1.7976931348623157e308};
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 200000; i++) {
    const int count = (int)(sizeof special / sizeof *special);
    const double value = i < count ? special[i] : random_real(&state, i);
    char text[DIVA_REAL_SIZE + 1];
    char expected[DIVA_REAL_SIZE + 1];
    format(value, 9, text);
    snprintf(expected, sizeof expected, "%.9g", value);
    cr_assert_str_eq(text, expected);
  }
}

Test(text, seventeen_digits_give_the_value_back) {
  uint64_t state = 4101842887655102017u;
  char text[DIVA_REAL_SIZE + 1];
  for (int i = 0; i < 200000; i++) {
    const double value = random_real(&state, i);
    format(value, 17, text);
    cr_assert_eq(strtod(text, NULL), value, "%s is not %.17g", text, value);
    const float narrow = (float)value;
    if (isfinite(narrow)) {
      text[diva_float_format((double)narrow, text)] = '\0';
      cr_assert_eq(strtof(text, NULL), narrow, "%s is not %.9g", text, (double)narrow);
    }
  }
  format(0.1, 17, text);
  cr_assert_str_eq(text, "0.1");
  text[diva_float_format((double)0.002f, text)] = '\0';
  cr_assert_str_eq(text, "0.002");
}

static void expect(struct diva_text *text, const char *expected) {
  diva_text_append(text, "", 1);
  cr_assert_not(text->failed);
  cr_assert_str_eq(text->data, expected);
  diva_text_free(text);
}

Test(text, strings_are_valid_json_and_csv) {
  struct diva_text text = {0};
  diva_text_json(&text, "a\"b\\c\n\t\r\x01\x7f\xc3\xa9\xf0\x9d\x84\x9e\xff\xc3");
  expect(&text, "\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f\xc3\xa9\xf0\x9d\x84\x9e\\ufffd\\ufffd\"");
  diva_text_json(&text, "");
  expect(&text, "\"\"");
  diva_text_csv(&text, "plain text");
  expect(&text, "plain text");
  diva_text_csv(&text, "a,\"b\"\nc");
  expect(&text, "\"a,\"\"b\"\"\nc\"");
  diva_text_integer(&text, INT64_MIN);
  diva_text_string(&text, " ");
  diva_text_integer(&text, 0);
  expect(&text, "-9223372036854775808 0");
}

Test(text, overlong_and_surrogate_sequences_are_not_utf8) {
  const char *const bad[] = {"\x80",         "\xc0\x80",         "\xe0\x80\x80",
                             "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
                             "\xe2\x82"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    cr_expect_eq(diva_utf8_length(bad[i]), 0, "sequence %zu", i);
  }
  cr_expect_eq(diva_utf8_length("\xe2\x82\xac"), 3);
}
