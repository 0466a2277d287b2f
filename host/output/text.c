/** A growing text buffer, and the few ways a value is written in JSON and CSV. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

void diva_text_free(struct diva_text *text) {
  free(text->data);
  *text = (struct diva_text){0};
}

/* Room for `more` bytes; doubling keeps the number of reallocations logarithmic. */
static bool reserve(struct diva_text *text, int64_t more) {
  if (text->failed) {
    return false;
  }
  if (text->capacity - text->length >= more) {
    return true;
  }
  const int64_t least = 4096;
  int64_t capacity = text->capacity < least ? least : text->capacity;
  while (capacity - text->length < more) {
    if (capacity > INT64_MAX / 2) {
      text->failed = true;
      return false;
    }
    capacity *= 2;
  }
  char *data = realloc(text->data, (size_t)capacity);
  if (!data) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void diva_text_append(struct diva_text *text, const char *bytes, int64_t length) {
  if (length > 0 && reserve(text, length)) {
    memcpy(text->data + text->length, bytes, (size_t)length);
    text->length += length;
  }
}

void diva_text_string(struct diva_text *text, const char *string) {
  diva_text_append(text, string, (int64_t)strlen(string));
}

void diva_text_integer(struct diva_text *text, int64_t value) {
  char reversed[24];
  char digits[24];
  int count = 0;
  int length = 0;
  uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    reversed[count++] = (char)('0' + (int)(size % 10));
    size /= 10;
  } while (size > 0);
  if (value < 0) {
    digits[length++] = '-';
  }
  while (count > 0) {
    digits[length++] = reversed[--count];
  }
  diva_text_append(text, digits, length);
}

void diva_text_real(struct diva_text *text, double value, int digits) {
  if (reserve(text, DIVA_REAL_SIZE)) {
    text->length += diva_real_format(value, digits, text->data + text->length);
  }
}

void diva_text_float(struct diva_text *text, double value) {
  if (reserve(text, DIVA_REAL_SIZE)) {
    text->length += diva_float_format(value, text->data + text->length);
  }
}

int diva_utf8_length(const char *string) {
  const unsigned char *s = (const unsigned char *)string;
  if (s[0] < 0x80) {
    return 1;
  }
  if (s[0] < 0xc2 || s[0] > 0xf4) {
    return 0;
  }
  /* The second byte's range excludes overlong forms, surrogates and what lies past U+10FFFF. */
  const unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
  if (s[1] < low || s[1] > high) {
    return 0;
  }
  const int length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
  for (int i = 2; i < length; i++) {
    if (s[i] < 0x80 || s[i] > 0xbf) {
      return 0;
    }
  }
  return length;
}

static bool plain_in_json(char c) {
  const unsigned char byte = (unsigned char)c;
  return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

static void append_json_escape(struct diva_text *text, char c) {
  static const char hex[] = "0123456789abcdef";
  const unsigned char byte = (unsigned char)c;
  char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
  int64_t length = 6;
  const char *const named = "\"\"\\\\\nn\tt\rr";
  for (const char *pair = named; *pair; pair += 2) {
    if (pair[0] == c) {
      escape[1] = pair[1];
      length = 2;
    }
  }
  diva_text_append(text, escape, length);
}

void diva_text_json(struct diva_text *text, const char *string) {
  diva_text_append(text, "\"", 1);
  while (*string) {
    const char *end = string;
    while (plain_in_json(*end)) {
      end++;
    }
    diva_text_append(text, string, end - string);
    string = end;
    if (!*string) {
      break;
    }
    const int length = diva_utf8_length(string);
    if (length > 1) {
      diva_text_append(text, string, length);
    } else if (length == 0) {
      diva_text_string(text, "\\ufffd");
    } else {
      append_json_escape(text, *string);
    }
    string += length > 1 ? length : 1;
  }
  diva_text_append(text, "\"", 1);
}

void diva_text_csv(struct diva_text *text, const char *string) {
  const int64_t length = (int64_t)strlen(string);
  if (strcspn(string, ",\"\r\n") == (size_t)length) {
    diva_text_append(text, string, length);
    return;
  }
  diva_text_append(text, "\"", 1);
  for (const char *c = string; *c; c++) {
    diva_text_append(text, c, 1);
    if (*c == '"') {
      diva_text_append(text, c, 1);
    }
  }
  diva_text_append(text, "\"", 1);
}
