/** Dates of waivers. */
#include <diva/policy.h>

#include <string.h>

static bool has_shape(const char *text) {
  static const char shape[] = "dddd-dd-dd";
  const char *want = shape;
  for (; *want && *text; want++, text++) {
    const bool digit = *text >= '0' && *text <= '9';
    if (*want == 'd' ? !digit : *text != '-') {
      return false;
    }
  }
  return !*want && !*text;
}

static int number(const char *digits, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) {
    value = 10 * value + (digits[i] - '0');
  }
  return value;
}

static int days_of(int year, int month) {
  static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

bool diva_policy_is_date(const char *text) {
  if (!has_shape(text)) {
    return false;
  }
  const int month = number(text + 5, 2);
  const int day = number(text + 8, 2);
  return month >= 1 && month <= 12 && day >= 1 && day <= days_of(number(text, 4), month);
}
