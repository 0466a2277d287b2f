/* Columns read back from CSV and JSONL, and tables that are none. */
#include "folder.h"

#include <diva/row_table.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *const columns[] = {"id", "keep", "absent"};
enum { ID, KEEP, ABSENT, COLUMNS };

static struct diva_row_table *read_table(const char *path, const char *text) {
  struct diva_row_table *table = NULL;
  struct diva_error error;
  file_write_text(path, text);
  cr_assert_eq(diva_row_table_read(path, columns, COLUMNS, &table, &error), DIVA_OK, "%s",
               error.message);
  return table;
}

static void expect_cell(const struct diva_row_table *table, int64_t row, int column,
                        const char *want) {
  const char *cell = diva_row_table_cell(table, row, column);
  cr_expect(want ? cell && strcmp(cell, want) == 0 : !cell, "row %lld, column %d: %s, not %s",
            (long long)row, column, cell ? cell : "none", want ? want : "none");
}

Test(row_table, csv) {
  folder_enter();
  struct diva_row_table *table =
      read_table("t.csv", "label,keep,id\r\nx,true,\"a,\"\"b\"\"\nc\"\r\n\r\ny,,5\n");
  cr_assert(diva_row_table_rows(table) == 2);
  cr_expect(diva_row_table_has(table, ID) && diva_row_table_has(table, KEEP));
  cr_expect(!diva_row_table_has(table, ABSENT));
  expect_cell(table, 0, ID, "a,\"b\"\nc");
  expect_cell(table, 0, KEEP, "true");
  expect_cell(table, 1, ID, "5");
  expect_cell(table, 1, KEEP, NULL);
  expect_cell(table, 1, ABSENT, NULL);
  cr_expect(diva_row_table_line(table, 0) == 2 && diva_row_table_line(table, 1) == 5);
  diva_row_table_destroy(table);
  folder_leave();
}

/* More rows than memory is first taken for. */
Test(row_table, jsonl) {
  folder_enter();
  struct diva_row_table *table =
      read_table("t.jsonl", "{\"id\": \"\\u00e9\", \"keep\": false, \"other\": [1]}\n\n"
                            "{\"id\": 12, \"keep\": true}\n{\"id\": 0.5, \"keep\": null}\n{}");
  cr_assert(diva_row_table_rows(table) == 4);
  cr_expect(diva_row_table_has(table, ID) && !diva_row_table_has(table, ABSENT));
  expect_cell(table, 0, ID, "\xc3\xa9");
  expect_cell(table, 0, KEEP, "false");
  expect_cell(table, 1, ID, "12");
  expect_cell(table, 1, KEEP, "true");
  expect_cell(table, 2, ID, "0.5");
  expect_cell(table, 2, KEEP, NULL);
  expect_cell(table, 3, ID, NULL);
  cr_expect(diva_row_table_line(table, 1) == 3);
  diva_row_table_destroy(table);
  char many[1000 * 12];
  char *end = many;
  for (int i = 0; i < 1000; i++) {
    end += sprintf(end, "{\"id\":%d}\n", i);
  }
  table = read_table("many.NDJSON", many);
  cr_assert(diva_row_table_rows(table) == 1000);
  expect_cell(table, 0, ID, "0");
  expect_cell(table, 999, ID, "999");
  diva_row_table_destroy(table);
  folder_leave();
}

Test(row_table, errors) {
  static const struct {
    const char *path, *text, *message;
    enum diva_status status;
  } cases[] = {
      {"t.txt", "a", "t.txt: a table of rows ends in .csv or .jsonl", DIVA_ERROR_USAGE},
      {".csv", "a", ".csv: a table of rows ends in .csv or .jsonl", DIVA_ERROR_USAGE},
      {"t.csv", "", "t.csv: is empty; a header line is expected", DIVA_ERROR_INPUT},
      {"t.csv", "id,keep\n1,true\n2\n", "t.csv: line 3: 1 field; the header has 2",
       DIVA_ERROR_INPUT},
      {"t.csv", "id\n\"1\n", "t.csv: line 2: a quote that opens here is never closed",
       DIVA_ERROR_INPUT},
      {"t.jsonl", "{}\n[1]\n", "t.jsonl: line 2: is not a JSON object", DIVA_ERROR_INPUT},
      {"t.jsonl", "{}\n{\"id\": [1]}\n", "t.jsonl: line 2: 'id' is no single value",
       DIVA_ERROR_INPUT},
      {"no/t.csv", NULL, "no/t.csv: No such file or directory", DIVA_ERROR_INPUT},
      {"no/t.jsonl", NULL, "no/t.jsonl: No such file or directory", DIVA_ERROR_INPUT},
  };
  folder_enter();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct diva_row_table *table = NULL;
    struct diva_error error;
    if (cases[i].text) {
      file_write_text(cases[i].path, cases[i].text);
    }
    cr_expect_eq(diva_row_table_read(cases[i].path, columns, COLUMNS, &table, &error),
                 cases[i].status);
    cr_expect_null(table);
    cr_expect_str_eq(error.message, cases[i].message);
  }
  struct diva_row_table *table = NULL;
  struct diva_error error;
  file_write_text("t.jsonl", "{}\n{\"id\": \n");
  cr_expect_eq(diva_row_table_read("t.jsonl", columns, COLUMNS, &table, &error), DIVA_ERROR_INPUT);
  cr_expect(strncmp(error.message, "t.jsonl: line 2: ", 17) == 0, "%s", error.message);
  diva_row_table_destroy(NULL);
  folder_leave();
}
