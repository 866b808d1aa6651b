/* A program that only has the installed headers and library: counts the heads
 * of a checkpoint. */
#include <headprune/headprune.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    hp_checkpoint *checkpoint = NULL;
    hp_model *model = NULL;
    hp_error err = {0};
    hp_status st = hp_checkpoint_open(&checkpoint, argv[argc - 1], NULL, &err);
    if (!st)
        st = hp_model_open(&model, checkpoint, NULL, &err);
    if (st)
        fprintf(stderr, "%s: %s\n", hp_status_text(st), err.message);
    else
        printf("%s %zu heads\n", hp_model_info_get(model)->model_type,
               hp_model_n_heads(model));
    hp_model_free(model);
    hp_checkpoint_free(checkpoint);
    return st != HP_OK;
}
