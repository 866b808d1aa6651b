/* The document redundancy/1: a head, a row and a pair on one line each. */
#include "document/document_parts.h"

static void put_heads(hp__emitter *e, const hp_redundant_block *b)
{
    hp__emit_array(e, "heads", 0);
    for (size_t h = 0; h < b->n_heads; h++) {
        const hp_redundant_head *r = &b->at[h];
        hp__emit_object(e, NULL, 1);
        hp__emit_string(e, "id", b->heads[h].id);
        hp__emit_double(e, "energy", r->energy);
        hp__emit_double(e, "cost", r->cost);
        hp__emit_double(e, "predicted", r->predicted);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_supplied(hp__emitter *e, const hp_redundant_block *b)
{
    hp__emit_array(e, "supplied", 0);
    for (size_t h = 0; h < b->n_heads; h++) {
        hp__emit_array(e, NULL, 1);
        for (size_t k = 0; k < b->n_heads; k++)
            hp__emit_double(e, NULL, b->supplied[h * b->n_heads + k]);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_pairs(hp__emitter *e, const hp_redundant_block *b)
{
    hp__emit_array(e, "pairs", 0);
    for (size_t i = 0; i < b->n_pairs; i++) {
        const hp_redundant_pair *p = &b->pairs[i];
        hp__emit_object(e, NULL, 1);
        hp__emit_array(e, "heads", 1);
        hp__emit_string(e, NULL, b->heads[p->first].id);
        hp__emit_string(e, NULL, b->heads[p->second].id);
        hp__emit_end(e);
        hp__emit_double(e, "joint", p->joint);
        hp__emit_double(e, "excess", p->excess);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_groups(hp__emitter *e, const hp_redundant_block *b)
{
    hp__emit_array(e, "groups", 0);
    for (uint32_t g = 0; g < b->n_groups; g++) {
        hp__emit_array(e, NULL, 1);
        for (size_t h = 0; h < b->n_heads; h++)
            if (b->at[h].group == g)
                hp__emit_string(e, NULL, b->heads[h].id);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_block(hp__emitter *e, const hp_redundant_block *b)
{
    hp__emit_object(e, NULL, 0);
    hp__emit_uint(e, "block", b->heads[0].block);
    hp__emit_string(e, "name", b->heads[0].name);
    hp__emit_uint(e, "layer", b->heads[0].layer);
    put_heads(e, b);
    put_supplied(e, b);
    put_pairs(e, b);
    put_groups(e, b);
    hp__emit_end(e);
}

hp_status hp_document_redundancy(char **out, const hp_redundancy *r,
                                 hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st =
        hp__document_start(&e, HP__REDUNDANCY_SCHEMA, &r->model, err);
    hp__document_calibration(&e, r->has_calibration ? &r->calibration : NULL);
    hp__emit_double(&e, "damping", r->damping);
    hp__emit_double(&e, "threshold", r->threshold);
    hp__emit_array(&e, "blocks", 0);
    for (size_t i = 0; i < r->n_blocks; i++)
        if (r->blocks[i].n_heads)
            put_block(&e, &r->blocks[i]);
    hp__emit_end(&e);
    return hp__document_finish(out, &e, st, err);
}
