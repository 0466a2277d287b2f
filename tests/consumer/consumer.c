/** The least program that uses an installed DIVA. */
#include <diva/diva.h>

#include <stdio.h>

int main(void) {
  struct diva_backend_info backend;
  printf("diva %s\n", diva_version());
  for (int i = 0; diva_backend_describe(i, &backend); i++) {
    printf("  %s: %s\n", backend.name, backend.detail);
  }
  return 0;
}
