#ifndef HEADPRUNE_NN_CPU_H
#define HEADPRUNE_NN_CPU_H

/* What the processor and the operating system offer. AVX-512 means F, DQ, BW
 * and VL; AVX2 means AVX2 and FMA. */
int hp__cpu_has_avx512(void);
int hp__cpu_has_avx512_bf16(void);
int hp__cpu_has_avx2(void);
/* 1: it has AVX-512, but carries out 512-bit multiply-adds in two halves
 * (Zen 4), so that 256-bit ones are as fast. */
int hp__cpu_halves_avx512(void);

/*
 * Denormal numbers cost a micro-code assist for every product on x86, so a
 * checkpoint full of them would run a hundred times slower. While they are
 * off, they count as zero; what is lost is below 1.2e-38. Of the calling
 * thread: the first returns what the second restores.
 */
unsigned hp__denormals_off(void);
void hp__denormals_restore(unsigned saved);

#endif
