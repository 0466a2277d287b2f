/* Candidate pairs of near rows, from trees that split sketches at medians. */
#include "neighbour_forest.h"

#include "host/core/random.h"
#include "host/core/union_find.h"
#include "sketch.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE = DIVA_SKETCH_SIZE, TREES = 16, ROUND = 4, LEAF = 48, NEAREST = 4 };

/* A row and the coordinate it is being split by. */
struct keyed {
  float key;
  int64_t row;
};

/* One tree, grown by one thread. */
struct tree {
  const struct diva_forest *forest;
  const int64_t *roots; /* of rows already joined by pairs that are sure */
  struct diva_random random;
  struct keyed *rows;
  struct diva_pair_list found;
  bool failed;
};

static bool append(struct diva_pair_list *list, struct diva_pair pair) {
  if (list->count == list->size) {
    const int64_t size = list->size ? 2 * list->size : 256;
    struct diva_pair *pairs = realloc(list->pairs, (size_t)size * sizeof *pairs);
    if (!pairs) {
      return false;
    }
    list->pairs = pairs;
    list->size = size;
  }
  list->pairs[list->count++] = pair;
  return true;
}

/* Puts the rows of the `middle` least keys first (Hoare's selection); keys equal to each other may
 * go either way, so that no tie makes a lopsided tree. */
static void select_middle(struct keyed *rows, int64_t count, int64_t middle) {
  int64_t low = 0;
  int64_t high = count - 1;
  while (low < high) {
    const float pivot = rows[low + (high - low) / 2].key;
    int64_t i = low;
    int64_t j = high;
    while (i <= j) {
      while (rows[i].key < pivot) {
        i++;
      }
      while (rows[j].key > pivot) {
        j--;
      }
      if (i <= j) {
        const struct keyed kept = rows[i];
        rows[i++] = rows[j];
        rows[j--] = kept;
      }
    }
    if (middle <= j) {
      high = j;
    } else if (middle >= i) {
      low = i;
    } else {
      return;
    }
  }
}

static double spread(const struct tree *tree, const struct keyed *rows, int64_t count,
                     int64_t coordinate) {
  enum { LOOK = 16 };
  const int64_t step = count > LOOK ? count / LOOK : 1;
  double sum = 0.0;
  double squares = 0.0;
  double seen = 0.0;
  for (int64_t i = 0; i < count; i += step) {
    const double value = (double)tree->forest->sketches[rows[i].row * SIZE + coordinate];
    sum += value;
    squares += value * value;
    seen += 1.0;
  }
  return squares - sum * sum / seen;
}

static int64_t choose_coordinate(struct tree *tree, const struct keyed *rows, int64_t count) {
  enum { TRIED = 4 };
  int64_t best = 0;
  double widest = -1.0;
  for (int i = 0; i < TRIED; i++) {
    const int64_t coordinate = diva_random_below(&tree->random, SIZE);
    const double width = spread(tree, rows, count, coordinate);
    if (width > widest) {
      widest = width;
      best = coordinate;
    }
  }
  return best;
}

/* Candidates of row `at` among those behind it in a leaf: the nearest few, which in a crowd still
 * make a chain. */
static void compare_row(struct tree *tree, const struct keyed *rows, int64_t count, int64_t at) {
  const struct diva_forest *forest = tree->forest;
  const int64_t row = rows[at].row;
  double distance[NEAREST];
  int64_t nearest[NEAREST];
  int kept = 0;
  for (int64_t i = at + 1; i < count; i++) {
    const int64_t other = rows[i].row;
    if (tree->roots[other] == tree->roots[row]) {
      continue;
    }
    const double apart =
        diva_sketch_distance(forest->sketches + row * SIZE, forest->sketches + other * SIZE, SIZE);
    if (apart > (double)forest->reach[row] || apart > (double)forest->reach[other]) {
      continue;
    }
    int place = kept < NEAREST ? kept++ : NEAREST;
    for (; place > 0 && distance[place - 1] > apart; place--) {
      if (place < NEAREST) {
        distance[place] = distance[place - 1];
        nearest[place] = nearest[place - 1];
      }
    }
    if (place < NEAREST) {
      distance[place] = apart;
      nearest[place] = other;
    }
  }
  for (int i = 0; i < kept; i++) {
    const struct diva_pair pair = {row < nearest[i] ? row : nearest[i],
                                   row < nearest[i] ? nearest[i] : row};
    tree->failed = !append(&tree->found, pair) || tree->failed;
  }
}

static void compare_leaf(struct tree *tree, const struct keyed *rows, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (tree->forest->reach[rows[i].row] > 0.0F) {
      compare_row(tree, rows, count, i);
    }
  }
}

/* Halves until few are left: the depth is log2 of the rows. */
static void split(struct tree *tree, struct keyed *rows, int64_t count) {
  while (count > LEAF) {
    const int64_t coordinate = choose_coordinate(tree, rows, count);
    const int64_t middle = count / 2;
    for (int64_t i = 0; i < count; i++) {
      rows[i].key = tree->forest->sketches[rows[i].row * SIZE + coordinate];
    }
    select_middle(rows, count, middle);
    split(tree, rows, middle);
    rows += middle;
    count -= middle;
  }
  compare_leaf(tree, rows, count);
}

/* Rows in an order of the tree's own, so that ties fall differently in each. */
static void shuffle(struct tree *tree) {
  const int64_t count = tree->forest->rows;
  for (int64_t i = 0; i < count; i++) {
    const int64_t j = diva_random_below(&tree->random, i + 1);
    tree->rows[i] = tree->rows[j];
    tree->rows[j] = (struct keyed){0.0F, i};
  }
}

static int compare_pairs(const void *left, const void *right) {
  const struct diva_pair *a = left;
  const struct diva_pair *b = right;
  if (a->first != b->first) {
    return a->first < b->first ? -1 : 1;
  }
  return a->second < b->second ? -1 : a->second > b->second;
}

static void sort_pairs(struct diva_pair_list *list) {
  int64_t kept = 0;
  if (list->count == 0) {
    return;
  }
  qsort(list->pairs, (size_t)list->count, sizeof *list->pairs, compare_pairs);
  for (int64_t i = 0; i < list->count; i++) {
    if (i == 0 || compare_pairs(&list->pairs[i], &list->pairs[kept - 1]) != 0) {
      list->pairs[kept++] = list->pairs[i];
    }
  }
  list->count = kept;
}

/* Rows of new pairs far within reach are joined: verification will not part them, and later trees
 * need not find them again. */
static void join_sure(const struct diva_forest *forest, const struct diva_pair_list *found,
                      int64_t *roots) {
  const double sure = 0.4;
  for (int64_t i = 0; i < found->count; i++) {
    const struct diva_pair pair = found->pairs[i];
    const double reach = (double)(forest->reach[pair.first] < forest->reach[pair.second]
                                      ? forest->reach[pair.first]
                                      : forest->reach[pair.second]);
    const double apart = diva_sketch_distance(forest->sketches + pair.first * SIZE,
                                              forest->sketches + pair.second * SIZE, SIZE);
    if (apart <= sure * reach) {
      diva_union_join(roots, pair.first, pair.second);
    }
  }
  for (int64_t i = 0; i < forest->rows; i++) {
    roots[i] = diva_union_root(roots, i);
  }
}

static enum diva_status grow_round(const struct diva_forest *forest, int first, int64_t *roots,
                                   struct diva_pair_list *out, struct diva_error *error) {
  struct tree trees[ROUND];
  enum diva_status status = DIVA_OK;
  for (int t = 0; t < ROUND; t++) {
    trees[t] = (struct tree){.forest = forest,
                             .roots = roots,
                             .random = {forest->seed + 0x9e3779b9U * (uint64_t)(first + t + 1)}};
    if (status == DIVA_OK) {
      status = diva_allocate(forest->rows, sizeof *trees[t].rows, "a tree of rows",
                             (void **)&trees[t].rows, error);
    }
  }
#pragma omp parallel for schedule(dynamic) num_threads(forest->threads)
  for (int t = 0; t < ROUND; t++) {
    if (status == DIVA_OK) {
      shuffle(&trees[t]);
      split(&trees[t], trees[t].rows, forest->rows);
    }
  }
  for (int t = 0; t < ROUND; t++) {
    bool failed = trees[t].failed;
    if (status == DIVA_OK && !failed) {
      join_sure(forest, &trees[t].found, roots);
    }
    for (int64_t i = 0; i < trees[t].found.count && !failed; i++) {
      failed = !append(out, trees[t].found.pairs[i]);
    }
    if (failed && status == DIVA_OK) {
      status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for pairs of near rows");
    }
    free(trees[t].rows);
    free(trees[t].found.pairs);
  }
  sort_pairs(out);
  return status;
}

enum diva_status diva_forest_search(const struct diva_forest *forest, struct diva_pair_list *out,
                                    struct diva_error *error) {
  int64_t *roots = NULL;
  enum diva_status status =
      diva_allocate(forest->rows, sizeof *roots, "groups of rows", (void **)&roots, error);
  if (status == DIVA_OK) {
    diva_union_begin(roots, forest->rows);
  }
  for (int tree = 0; tree < TREES && status == DIVA_OK; tree += ROUND) {
    status = diva_progress_report(forest->progress, "near-duplicates", tree, TREES, error);
    if (status == DIVA_OK) {
      status = grow_round(forest, tree, roots, out, error);
    }
  }
  free(roots);
  return status;
}
