/**
 * @file folder.h
 * A temporary folder for a test, and whole files in it.
 */
#ifndef DIVA_TEST_OUTPUT_FOLDER_H
#define DIVA_TEST_OUTPUT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/** Makes a folder and the current one of the process; removed with folder_leave(). */
void folder_enter(void);

/** Removes the folder and the files in it. */
void folder_leave(void);

/** Number of files in the folder, the hidden ones too. */
int folder_count(void);

/** The bytes of a file, terminated; to be freed. NULL where there is none. */
char *file_read(const char *path, size_t *length);

void file_write(const char *path, const void *bytes, size_t length);

void file_write_text(const char *path, const char *text);

bool file_exists(const char *path);

/** Whether two files have the same bytes. */
bool files_equal(const char *a, const char *b);

#endif
