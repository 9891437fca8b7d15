/* One number at a time: what every other vector_*.h does to LANES numbers at once. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 1 };
typedef float vec;      /* LANES floats; + - * / work on them */
typedef int32_t ints;   /* LANES 32-bit integers; so do + - & | ^ << */
typedef uint32_t words; /* the same unsigned: >> brings in zeros */

/* Memory. The _part forms touch the first n lanes only; a load leaves 0 in the others. */
static inline vec load(const float *p) { return *p; }
static inline vec load_part(const float *p, size_t n) { return n ? *p : 0.0f; }
static inline void store(float *p, vec v) { *p = v; }
static inline void store_part(float *p, vec v, size_t n)
{
    if (n)
        *p = v;
}

static inline vec spread(float x) { return x; }       /* x in every lane */
static inline words spread_word(uint32_t x) { return x; }
static inline words lane_numbers(void) { return 0; }  /* 0, 1, 2, ... */

static inline vec multiply_add(vec a, vec b, vec c) { return a * b + c; } /* a b + c; one rounding where the CPU can */
static inline vec larger(vec a, vec b) { return a > b ? a : b; }  /* b where a is NaN */
static inline vec smaller(vec a, vec b) { return a < b ? a : b; } /* b where a is NaN */
static inline vec root(vec a) { return sqrtf(a); }

/* Choices, lane by lane: false for NaN. */
static inline vec where_less(vec a, vec b, vec yes, vec no) { return a < b ? yes : no; }
static inline vec where_word_at_least(words a, words b, vec yes, vec no) { return a >= b ? yes : no; }

/* The same bits as another type. */
static inline ints bits_of(vec v)
{
    union { float f; int32_t i; } u = {v};
    return u.i;
}
static inline vec of_bits(ints i)
{
    union { int32_t i; float f; } u = {i};
    return u.f;
}

/* Integers read from memory; as floats; whether all are 0; the low byte of the first n, stored. */
static inline ints load_ints(const int32_t *p) { return *p; }
static inline vec floats_of(ints i) { return (float)i; }
static inline int all_zero(ints i) { return !i; }
static inline void store_bytes(uint8_t *p, ints i, size_t n)
{
    if (n)
        *p = (uint8_t)i;
}

static inline float sum_of(vec v) { return v; }
static inline float largest_of(vec v) { return v; }
static inline float smallest_of(vec v) { return v; }

static inline void transpose(vec t[LANES]) { (void)t; } /* row i of the LANES x LANES square becomes column i */
