/** A YAML file held against a schema of known keys. */
#define _POSIX_C_SOURCE 200809L
#include "yaml_reader.h"

#include <diva/suggest.h>

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A policy with a waiver for each of 10,000 rows is well below this. */
enum { FILE_MAX = 4 << 20 };

enum diva_status diva_yaml_refuse(const struct diva_yaml *yaml, const yaml_node_t *node,
                                  const char *format, ...) {
  char message[DIVA_ERROR_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return diva_error_set(yaml->error, DIVA_ERROR_INPUT, "%s:%zu:%zu: %s", yaml->path,
                        node->start_mark.line + 1, node->start_mark.column + 1, message);
}

enum diva_status diva_yaml_out_of_memory(const struct diva_yaml *yaml) {
  return diva_error_set(yaml->error, DIVA_ERROR_RESOURCE, "%s: out of memory to read it",
                        yaml->path);
}

const char *diva_yaml_text(const yaml_node_t *node) {
  if (node->type != YAML_SCALAR_NODE) {
    return NULL;
  }
  const char *const text = (const char *)node->data.scalar.value;
  return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool diva_yaml_is_word(const yaml_node_t *node, const char *const *words) {
  const char *const text = diva_yaml_text(node);
  for (; text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && *words; words++) {
    if (strcasecmp(text, *words) == 0) {
      return true;
    }
  }
  return false;
}

bool diva_yaml_boolean(const yaml_node_t *node, bool *out) {
  static const char *const yes[] = {"true", "yes", "on", NULL};
  static const char *const no[] = {"false", "no", "off", NULL};
  if (diva_yaml_is_word(node, yes)) {
    *out = true;
    return true;
  }
  if (diva_yaml_is_word(node, no)) {
    *out = false;
    return true;
  }
  return false;
}

bool diva_yaml_number(const yaml_node_t *node, double *out) {
  const char *const text = diva_yaml_text(node);
  char *end = NULL;
  if (!text || !*text || text[strspn(text, "0123456789+-.eE")]) {
    return false;
  }
  *out = strtod(text, &end);
  return end != text && !*end && isfinite(*out);
}

enum diva_status diva_yaml_string(const struct diva_yaml *yaml, const yaml_node_t *node,
                                  const char *name, char **out) {
  static const char *const nothing[] = {"null", "~", "", NULL};
  const char *const text = diva_yaml_text(node);
  if (!text || diva_yaml_is_word(node, nothing) || !text[strspn(text, " \t\r\n")]) {
    return diva_yaml_refuse(yaml, node, "%s must be a text that is not empty", name);
  }
  *out = strdup(text);
  return *out ? DIVA_OK : diva_yaml_out_of_memory(yaml);
}

int diva_yaml_find(const struct diva_yaml_key *keys, int count, const char *text) {
  for (int i = 0; text && i < count; i++) {
    if (strcmp(keys[i].name, text) == 0) {
      return i;
    }
  }
  return -1;
}

bool diva_yaml_has(const struct diva_yaml *yaml, const yaml_node_t *node, const char *name) {
  for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
       pair++) {
    const char *const text = diva_yaml_text(yaml_document_get_node(yaml->document, pair->key));
    if (text && strcmp(text, name) == 0) {
      return true;
    }
  }
  return false;
}

static void list_keys(const struct diva_yaml_key *keys, int count, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < count && used < size; i++) {
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", keys[i].name);
  }
}

enum diva_status diva_yaml_unknown(const struct diva_yaml *yaml, const yaml_node_t *node,
                                   const char *where, const struct diva_yaml_key *keys, int count) {
  const char *names[DIVA_YAML_KEYS_MAX + 1] = {NULL};
  char known[512];
  for (int i = 0; i < count; i++) {
    names[i] = keys[i].name;
  }
  const char *const text = diva_yaml_text(node);
  const char *const near = text ? diva_suggest(text, names) : NULL;
  list_keys(keys, count, known, sizeof known);
  return diva_yaml_refuse(yaml, node, "unknown word '%.100s' in %s%s%s%s; known: %s",
                          text ? text : "?", where, near ? " (did you mean '" : "",
                          near ? near : "", near ? "'?)" : "", known);
}

enum diva_status diva_yaml_walk(struct diva_yaml *yaml, const yaml_node_t *node, const char *where,
                                const struct diva_yaml_key *keys, int count, void *context) {
  bool seen[DIVA_YAML_KEYS_MAX] = {false};
  enum diva_status status = DIVA_OK;
  if (node->type != YAML_MAPPING_NODE) {
    return diva_yaml_refuse(yaml, node, "%s must be a mapping, key: value", where);
  }
  for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
       !status && pair < node->data.mapping.pairs.top; pair++) {
    const yaml_node_t *const key = yaml_document_get_node(yaml->document, pair->key);
    const int found = diva_yaml_find(keys, count, diva_yaml_text(key));
    if (found < 0) {
      return diva_yaml_unknown(yaml, key, where, keys, count);
    }
    if (seen[found]) {
      return diva_yaml_refuse(yaml, key, "'%s' is given twice in %s", keys[found].name, where);
    }
    seen[found] = true;
    status = keys[found].take(yaml, yaml_document_get_node(yaml->document, pair->value), context,
                              keys[found].tag);
  }
  return status;
}

/* Where libyaml stumbled. Of bytes that are no text it tells the offset only. */
static enum diva_status parse_error(const char *path, const yaml_parser_t *parser, const char *text,
                                    struct diva_error *error) {
  size_t line = parser->problem_mark.line;
  size_t column = parser->problem_mark.column;
  if (parser->error == YAML_MEMORY_ERROR) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory to read it", path);
  }
  if (parser->error == YAML_READER_ERROR) {
    line = column = 0;
    for (size_t i = 0; i < parser->problem_offset; i++) {
      column = text[i] == '\n' ? 0 : column + 1;
      line += text[i] == '\n';
    }
  }
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s:%zu:%zu: %s", path, line + 1, column + 1,
                        parser->problem ? parser->problem : "not YAML");
}

/* A second document would be passed over in silence. */
static enum diva_status check_end(const char *path, yaml_parser_t *parser, const char *text,
                                  struct diva_error *error) {
  yaml_document_t further;
  if (!yaml_parser_load(parser, &further)) {
    return parse_error(path, parser, text, error);
  }
  enum diva_status status = DIVA_OK;
  const yaml_node_t *const root = yaml_document_get_root_node(&further);
  if (root) {
    status = diva_error_set(error, DIVA_ERROR_INPUT,
                            "%s:%zu:%zu: a second document begins; there must be one", path,
                            root->start_mark.line + 1, root->start_mark.column + 1);
  }
  yaml_document_delete(&further);
  return status;
}

/* The whole file. @param out  to be freed */
static enum diva_status read_file(const char *path, char **out, size_t *length,
                                  struct diva_error *error) {
  FILE *const file = fopen(path, "rb");
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
  }
  enum diva_status status = DIVA_OK;
  *out = malloc(FILE_MAX + 1);
  if (!*out) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory to read it", path);
  } else {
    errno = 0;
    *length = fread(*out, 1, FILE_MAX + 1, file);
    if (ferror(file)) {
      status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: %s", path, strerror(errno));
    } else if (*length > FILE_MAX) {
      status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: is larger than %d MiB", path,
                              FILE_MAX >> 20);
    }
  }
  fclose(file);
  return status;
}

enum diva_status diva_yaml_read(const char *path,
                                enum diva_status (*take)(struct diva_yaml *yaml,
                                                         const yaml_node_t *root, void *context),
                                void *context, struct diva_error *error) {
  yaml_parser_t parser;
  yaml_document_t document;
  char *text = NULL;
  size_t length = 0;
  enum diva_status status = read_file(path, &text, &length, error);
  if (status || !text) {
    free(text);
    return status;
  }
  if (!yaml_parser_initialize(&parser)) {
    free(text);
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory to read it", path);
  }
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
  if (!yaml_parser_load(&parser, &document)) {
    status = parse_error(path, &parser, text, error);
    goto done;
  }
  struct diva_yaml yaml = {path, &document, error};
  const yaml_node_t *const root = yaml_document_get_root_node(&document);
  if (root) {
    status = take(&yaml, root, context);
  }
  if (root && !status) {
    status = check_end(path, &parser, text, error);
  }
  yaml_document_delete(&document);

done:
  yaml_parser_delete(&parser);
  free(text);
  return status;
}
