/* The known word nearest to a misspelt one, by edit distance. */
#include <diva/suggest.h>

#include <stddef.h>
#include <string.h>

enum { WORD_MAX = 40 };

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance in which a swap of neighbours costs one. */
static int distance(const char *a, int a_length, const char *b, int b_length) {
  int rows[WORD_MAX + 1][WORD_MAX + 1];
  for (int i = 0; i <= a_length; i++) {
    rows[i][0] = i;
  }
  for (int j = 0; j <= b_length; j++) {
    rows[0][j] = j;
  }
  for (int i = 1; i <= a_length; i++) {
    for (int j = 1; j <= b_length; j++) {
      int replace = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      rows[i][j] = least(replace, 1 + least(rows[i - 1][j], rows[i][j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a_length][b_length];
}

const char *diva_suggest(const char *word, const char *const *candidates) {
  const char *best = NULL;
  size_t length = strlen(word);
  if (length < 2 || length > WORD_MAX) {
    return NULL;
  }
  int best_distance = (int)(length + 2) / 3 + 1;
  for (; *candidates; candidates++) {
    size_t candidate_length = strlen(*candidates);
    if (candidate_length > WORD_MAX) {
      continue;
    }
    int d = distance(word, (int)length, *candidates, (int)candidate_length);
    if (d < best_distance) {
      best_distance = d;
      best = *candidates;
    }
  }
  return best;
}
