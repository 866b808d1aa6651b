/*
 * LAPACK is Fortran: column-major, every argument by address. A symmetric
 * matrix is its own transpose, so "upper" there is "lower" here, and a row of
 * right-hand sides here is a column there.
 */
#include "nn/dense.h"

#include <math.h>

typedef void potrf_function(const char *uplo, const int *n, double *a,
                            const int *lda, int *info);
typedef void potrs_function(const char *uplo, const int *n, const int *nrhs,
                            const double *a, const int *lda, double *b,
                            const int *ldb, int *info);
typedef void potri_function(const char *uplo, const int *n, double *a,
                            const int *lda, int *info);
typedef void pocon_function(const char *uplo, const int *n, const double *a,
                            const int *lda, const double *anorm, double *rcond,
                            double *work, int *iwork, int *info);

/* The lower triangle of a row-major matrix. */
static const char triangle[] = "U";

void hp__cholesky(int *definite, const hp__blas *b, double *a, size_t n)
{
    potrf_function *potrf = (potrf_function *)b->dpotrf;
    int order = (int)n, info = 0;
    if (n)
        potrf(triangle, &order, a, &order, &info);
    *definite = info == 0;
    for (size_t i = 0; i < n && *definite; i++)
        *definite = isfinite(a[i * n + i]);
}

void hp__cholesky_solve(const hp__blas *b, const double *factor, size_t n,
                        double *x, size_t n_rhs)
{
    potrs_function *potrs = (potrs_function *)b->dpotrs;
    int order = (int)n, rows = (int)n_rhs, info = 0;
    if (n && n_rhs)
        potrs(triangle, &order, &rows, factor, &order, x, &order, &info);
}

void hp__cholesky_invert(const hp__blas *b, double *factor, size_t n)
{
    potri_function *potri = (potri_function *)b->dpotri;
    int order = (int)n, info = 0;
    if (n)
        potri(triangle, &order, factor, &order, &info);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            factor[j * n + i] = factor[i * n + j];
}

double hp__cholesky_condition(const hp__blas *b, const double *factor, size_t n,
                              double norm, double *room, int *ints)
{
    pocon_function *pocon = (pocon_function *)b->dpocon;
    int order = (int)n, info = 0;
    double reciprocal = 0;
    if (!n)
        return 1;
    pocon(triangle, &order, factor, &order, &norm, &reciprocal, room, ints,
          &info);
    return 1 / reciprocal;
}

double hp__dense_norm1(const double *a, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += fabs(a[i * n + j]);
        most = sum > most ? sum : most;
    }
    return most;
}
