/** The least program that uses an installed DIVA. */
#include <diva/diva.h>

#include <stdio.h>

int main(void) {
  struct diva_backend_info backend;
  printf("diva %s, ", diva_version());
  printf("best backend: %s\n", diva_backend_describe(0, &backend) ? backend.name : "none");
  return 0;
}
