/* What an HDF5 datatype is in DIVA's terms. */
#include "host/dataset/hdf5_type.h"

#include <stdio.h>

struct float_format {
  enum diva_dtype type;
  size_t size;
  size_t exponent_bits;
  size_t mantissa_bits;
  size_t bias;
};

static const struct float_format float_formats[] = {
    {DIVA_FLOAT16, 2, 5, 10, 15},
    {DIVA_BFLOAT16, 2, 8, 7, 127},
    {DIVA_FLOAT32, 4, 8, 23, 127},
    {DIVA_FLOAT64, 8, 11, 52, 1023},
};

static bool has_format(hid_t type, const struct float_format *format) {
  size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
  if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0) {
    return false;
  }
  return H5Tget_size(type) == format->size && H5Tget_precision(type) == 8 * format->size &&
         H5Tget_offset(type) == 0 && mantissa == 0 && mantissa_bits == format->mantissa_bits &&
         exponent == mantissa_bits && exponent_bits == format->exponent_bits &&
         sign == exponent + exponent_bits && H5Tget_ebias(type) == format->bias &&
         H5Tget_norm(type) == H5T_NORM_IMPLIED;
}

bool diva_h5_float_classify(hid_t type, enum diva_dtype *out) {
  if (H5Tget_class(type) != H5T_FLOAT) {
    return false;
  }
  H5T_order_t order = H5Tget_order(type);
  if (order != H5T_ORDER_LE && order != H5T_ORDER_BE) {
    return false;
  }
  for (size_t i = 0; i < sizeof float_formats / sizeof *float_formats; i++) {
    if (has_format(type, &float_formats[i])) {
      *out = float_formats[i].type;
      return true;
    }
  }
  return false;
}

bool diva_h5_is_integer(hid_t type) {
  H5T_class_t class = H5Tget_class(type);
  return (class == H5T_INTEGER || class == H5T_ENUM) && H5Tget_size(type) <= 8;
}

bool diva_h5_is_unsigned(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM) {
    return H5Tget_sign(type) == H5T_SGN_NONE;
  }
  hid_t base = H5Tget_super(type);
  bool result = base > 0 && H5Tget_sign(base) == H5T_SGN_NONE;
  if (base > 0) {
    H5Tclose(base);
  }
  return result;
}

void diva_h5_type_describe(hid_t type, char text[DIVA_H5_TYPE_TEXT_SIZE]) {
  size_t bits = 8 * H5Tget_size(type);
  enum diva_dtype format;
  switch (H5Tget_class(type)) {
  case H5T_INTEGER:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "%sint%zu", diva_h5_is_unsigned(type) ? "u" : "", bits);
    break;
  case H5T_FLOAT:
    if (diva_h5_float_classify(type, &format)) {
      snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "%s", diva_dtype_name(format));
    } else {
      snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "a %zu-bit float of another format", bits);
    }
    break;
  case H5T_STRING:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "strings");
    break;
  case H5T_COMPOUND:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "a compound type");
    break;
  case H5T_ENUM:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "an enumeration");
    break;
  case H5T_OPAQUE:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "opaque bytes");
    break;
  case H5T_VLEN:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "lists of varying length");
    break;
  default:
    snprintf(text, DIVA_H5_TYPE_TEXT_SIZE, "a type that is not numbers");
  }
}

hid_t diva_h5_type_native_order(hid_t type) {
  hid_t copy = H5Tcopy(type);
  if (copy > 0 && H5Tset_order(copy, H5Tget_order(H5T_NATIVE_INT)) < 0) {
    H5Tclose(copy);
    copy = H5I_INVALID_HID;
  }
  return copy;
}
