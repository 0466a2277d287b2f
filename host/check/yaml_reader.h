/**
 * @file yaml_reader.h
 * A YAML file held against a schema of known keys: every complaint with file, line and column.
 * Internal.
 */
#ifndef DIVA_CHECK_YAML_READER_H
#define DIVA_CHECK_YAML_READER_H

#include <diva/error.h>

#include <yaml.h>

/** A document being walked; everything borrowed. */
struct diva_yaml {
  const char *path;
  yaml_document_t *document;
  struct diva_error *error;
};

/** A key of a mapping, and what takes its value; `context` and `tag` are handed on. */
struct diva_yaml_key {
  const char *name;
  enum diva_status (*take)(struct diva_yaml *yaml, const yaml_node_t *value, void *context,
                           int tag);
  int tag;
};

/** More keys than any mapping of a schema has. */
enum { DIVA_YAML_KEYS_MAX = 24 };

/**
 * Reads a file of one document and hands its root over; an empty file has none.
 * @return DIVA_ERROR_INPUT for what cannot be read or is not YAML, DIVA_ERROR_RESOURCE, or what
 *         `take` returns
 */
enum diva_status diva_yaml_read(const char *path,
                                enum diva_status (*take)(struct diva_yaml *yaml,
                                                         const yaml_node_t *root, void *context),
                                void *context, struct diva_error *error);

/** Records a complaint about a node: DIVA_ERROR_INPUT. */
enum diva_status diva_yaml_refuse(const struct diva_yaml *yaml, const yaml_node_t *node,
                                  const char *format, ...) DIVA_PRINTF(3, 4);

enum diva_status diva_yaml_out_of_memory(const struct diva_yaml *yaml);

/**
 * Hands the value of each key of a mapping to what takes it.
 * @param where    what the mapping is, for complaints: "rules.ids"
 * @param context  handed on
 * @return DIVA_ERROR_INPUT for anything but a mapping, an unknown key (with the nearest known one),
 *         a key given twice
 */
enum diva_status diva_yaml_walk(struct diva_yaml *yaml, const yaml_node_t *node, const char *where,
                                const struct diva_yaml_key *keys, int count, void *context);

/** Complains about a word that is none of the keys. */
enum diva_status diva_yaml_unknown(const struct diva_yaml *yaml, const yaml_node_t *node,
                                   const char *where, const struct diva_yaml_key *keys, int count);

/** Which of the keys a text is; -1: none. */
int diva_yaml_find(const struct diva_yaml_key *keys, int count, const char *text);

/** Whether a mapping has a key. */
bool diva_yaml_has(const struct diva_yaml *yaml, const yaml_node_t *node, const char *name);

/** The text of a scalar; NULL for anything else, or where a NUL byte would cut it short. */
const char *diva_yaml_text(const yaml_node_t *node);

/** Whether a node is one of these words, not quoted, in capitals or not. */
bool diva_yaml_is_word(const yaml_node_t *node, const char *const *words);

/** A boolean in any of YAML 1.1's words. False where it is none. */
bool diva_yaml_boolean(const yaml_node_t *node, bool *out);

/** A finite decimal number. False where it is none. */
bool diva_yaml_number(const yaml_node_t *node, double *out);

/** A text that is not empty, `name` for complaints. @param out  owned by the caller */
enum diva_status diva_yaml_string(const struct diva_yaml *yaml, const yaml_node_t *node,
                                  const char *name, char **out);

#endif
