/**
 * @file text.h
 * A growing text buffer, and the few ways a value is written in JSON and CSV.
 */
#ifndef DIVA_OUTPUT_TEXT_H
#define DIVA_OUTPUT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Bytes appended to one another; start from {0}. Out of memory sets `failed`, which stays set and
 * turns the later appends into nothing, so that a writer checks once, at the end.
 */
struct diva_text {
  char *data; /**< owned; not terminated */
  int64_t length;
  int64_t capacity;
  bool failed;
};

/** Frees the buffer; the struct is {0} again. */
void diva_text_free(struct diva_text *text);

void diva_text_append(struct diva_text *text, const char *bytes, int64_t length);

/** Appends a terminated string as it is. */
void diva_text_string(struct diva_text *text, const char *string);

void diva_text_integer(struct diva_text *text, int64_t value);

/** Appends a finite real, see diva_real_format(). */
void diva_text_real(struct diva_text *text, double value, int digits);

/** Appends a finite float32, see diva_float_format(). */
void diva_text_float(struct diva_text *text, double value);

/** Appends a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void diva_text_json(struct diva_text *text, const char *string);

/** Appends a CSV field, quoted where RFC 4180 asks for it. */
void diva_text_csv(struct diva_text *text, const char *string);

/** Bytes of the UTF-8 sequence that starts a terminated string, 1 to 4; 0 where it is not one. */
int diva_utf8_length(const char *string);

enum { DIVA_REAL_SIZE = 40 };

/**
 * Writes a finite real as C's "%.{digits}g" does, digits 9 or 17, many times faster; with 17 digits
 * a value that 15 digits give back exactly is written with those (0.1, not 0.10000000000000001).
 * @return the length; `out` is not terminated
 */
int diva_real_format(double value, int digits, char out[DIVA_REAL_SIZE]);

/** Writes a finite float32 (given as a double) so that reading it as float32 gives it back: with 6
 * digits where those do, else 9. @return the length; `out` is not terminated */
int diva_float_format(double value, char out[DIVA_REAL_SIZE]);

#endif
