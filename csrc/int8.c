/* Which int8 level runs, packing, and the functions of int8.h for NumPy's arrays, a block of rows at
 * a time: its codes are copied to rows of whole steps, as the product wants them. */
#include "int8_level.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#if FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#error "float expressions are rounded to more than float32 here: results would differ from NumPy's"
#endif

typedef struct {
    const char *name, *missing; /* why it cannot run here; NULL: it can */
    int8_functions f;
} Level;

#ifdef MINIBERT_NEON
enum { LEVELS = 2 };
#else
enum { LEVELS = 4 };
#endif
int minibert_level_count(void) { return LEVELS; }

static Level level_at(int i)
{
    if (i == 0)
        return (Level){"scalar", NULL, {int8_product_scalar, &codes_scalar, 0.0f, NULL}};
#if defined(MINIBERT_NEON)
    return (Level){"neon", minibert_neon_missing(), {int8_product_neon, &codes_scalar, 0.0f, NULL}};
#elif defined(MINIBERT_X86)
    __builtin_cpu_init(); /* the checks below also ask whether the system saves the wide registers */
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
    const char *missing = vnni ? NULL : "this CPU has no AVX-512 F, BW, VL, DQ and VNNI";
    if (i == 1)
        return (Level){"avx2", avx2 ? NULL : "this CPU has no AVX2 and FMA",
                       {int8_product_avx2, &codes_avx2, 0.0f, NULL}};
    if (i == 2)
        return (Level){"avx512vnni", missing, {int8_product_avx512vnni, &codes_avx512, 128.0f, NULL}};
#ifdef MINIBERT_AMX
    return (Level){"amx", missing ? missing : minibert_amx_int8_missing(),
                   {int8_product_amx, &codes_avx512, 0.0f, attention_amx_runs() ? attention_amx : NULL}};
#else
    return (Level){"amx", "compiled only for Linux", {0}};
#endif
#else
    const char *name = i == 1 ? "avx2" : i == 2 ? "avx512vnni" : "amx";
    return (Level){name, "compiled only for x86-64, by gcc or clang", {0}};
#endif
}

const char *minibert_level_name(int level) { return level_at(level).name; }
const char *minibert_level_missing(int level) { return level_at(level).missing; }

int8_functions minibert_int8_functions(int level)
{
    int8_functions none = {0};
    if (level < 0 || level >= minibert_level_count())
        return none;
    Level l = level_at(level);
    return l.missing ? none : l.f;
}

/* ---- packing */

size_t minibert_int8_packed_size(size_t N, size_t K)
{
    return divided(N, STRIP) * STRIP * (sizeof(int32_t) + divided(K, STEP) * STEP);
}

void minibert_int8_pack(const int8_t *qw, void *packed, size_t N, size_t K)
{
    memset(packed, 0, minibert_int8_packed_size(N, K));
    int32_t *sums = packed;
    int8_t *strips = (int8_t *)(sums + divided(N, STRIP) * STRIP);
    for (size_t n = 0; n < N; n++) {
        int8_t *strip = strips + n / STRIP * STRIP * (divided(K, STEP) * STEP) + n % STRIP * QUAD;
        for (size_t k = 0; k < K; k++) {
            strip[k / QUAD * (QUAD * STRIP) + k % QUAD] = qw[n * K + k];
            sums[n] += qw[n * K + k];
        }
    }
}

/* ---- products */

/* The codes of a block, as its product wants them, and its sums. */
typedef struct {
    int8_functions f; /* of the level */
    void *memory;
    uint8_t *x;
    int32_t *acc;
    size_t row, steps, strips; /* bytes of x; of the product */
} Space;

static int make_space(Space *s, int level, size_t M, size_t N, size_t K)
{
    s->f = minibert_int8_functions(level);
    if (!s->f.product)
        return -1;
    const size_t rows = divided(M < BLOCK ? M : BLOCK, ROOM) * ROOM;
    s->steps = divided(K, STEP);
    s->strips = divided(N, STRIP);
    s->row = s->steps * STEP;
    const size_t codes = rows * s->row, bytes = codes + rows * s->strips * STRIP * sizeof *s->acc;
    s->memory = calloc(bytes + 64, 1);
    s->x = (uint8_t *)(((uintptr_t)s->memory + 63) & ~(uintptr_t)63);
    s->acc = (int32_t *)(s->x + codes);
    return s->memory ? 0 : -2;
}

/* The sums of so many rows. */
static void block_product(Space *s, const int8_t *qx, const void *packed, size_t rows, size_t N,
                          size_t K)
{
    uint8_t *x = s->x;
    const size_t bytes = rows * s->row;
    for (size_t m = 0; m < rows; m++)
        memcpy(x + m * s->row, qx + m * K, K);
    if (s->f.shift != 0.0f)
        for (size_t i = 0; i < bytes; i++)
            x[i] ^= 0x80; /* the top bit: adds 128 */
    s->f.product(s->x, strips_of(packed, N), s->acc, rows, s->strips, s->steps);
}

/* Row i of a block in float32; zero without the level's shift. */
static void dequantize(const Space *s, size_t i, const void *packed, float scale, int32_t zero,
                       const float *sw, const float *b, float *y, size_t N)
{
    zero = (int32_t)((uint32_t)zero + (uint32_t)s->f.shift);
    s->f.codes->dequantize_row(s->acc + i * s->strips * STRIP, row_sums(packed), scale, zero, sw, b,
                               y, N);
}

static size_t rows_at(size_t m, size_t M) { return M - m < BLOCK ? M - m : BLOCK; }

int minibert_int8_matmul(int level, const int8_t *qx, const void *packed, int32_t *acc, size_t M,
                         size_t N, size_t K)
{
    Space s;
    int failed = make_space(&s, level, M, N, K);
    if (failed)
        return failed;
    const uint32_t shift = (uint32_t)s.f.shift;
    for (size_t m = 0; m < M; m += BLOCK) {
        const size_t rows = rows_at(m, M);
        block_product(&s, qx + m * K, packed, rows, N, K);
        for (size_t i = 0; i < rows; i++)
            for (size_t n = 0; n < N; n++)
                acc[(m + i) * N + n] = (int32_t)((uint32_t)s.acc[i * s.strips * STRIP + n] -
                                                 shift * (uint32_t)row_sums(packed)[n]);
    }
    free(s.memory);
    return 0;
}

int minibert_int8_linear(int level, const int8_t *qx, const float *sx, const int32_t *zx,
                         const void *packed, const float *sw, const float *b, float *y, size_t M,
                         size_t N, size_t K)
{
    Space s;
    int failed = make_space(&s, level, M, N, K);
    if (failed)
        return failed;
    for (size_t m = 0; m < M; m += BLOCK) {
        const size_t rows = rows_at(m, M);
        block_product(&s, qx + m * K, packed, rows, N, K);
        for (size_t i = 0; i < rows; i++)
            dequantize(&s, i, packed, sx[m + i], zx[m + i], sw, b, y + (m + i) * N, N);
    }
    free(s.memory);
    return 0;
}

int minibert_int8_linear_of_floats(int level, const float *x, const void *packed, const float *sw,
                                   const float *b, float *y, size_t M, size_t N, size_t K,
                                   size_t *done)
{
    Space s;
    int failed = make_space(&s, level, M, N, K);
    if (failed)
        return failed;
    size_t wanted = M;
    for (*done = 0; *done < wanted;) {
        float scale[BLOCK];
        int32_t zero[BLOCK];
        size_t rows = 0;
        for (size_t here = rows_at(*done, M); rows < here; rows++)
            if (!s.f.codes->quantize_row(x + (*done + rows) * K, s.x + rows * s.row, s.f.shift,
                                         scale + rows, zero + rows, K)) {
                wanted = *done + rows;
                break;
            }
        s.f.product(s.x, strips_of(packed, N), s.acc, rows, s.strips, s.steps);
        for (size_t i = 0; i < rows; i++, ++*done)
            dequantize(&s, i, packed, scale[i], zero[i], sw, b, y + *done * N, N);
    }
    free(s.memory);
    return 0;
}

int minibert_quantize_affine(int level, const float *x, int8_t *q, float *scale, int32_t *zero,
                             size_t M, size_t K, size_t *done)
{
    int8_functions f = minibert_int8_functions(level);
    if (!f.product)
        return -1;
    for (*done = 0; *done < M; ++*done)
        if (!f.codes->quantize_row(x + *done * K, (uint8_t *)q + *done * K, 0.0f, scale + *done,
                                   zero + *done, K))
            break;
    return 0;
}
