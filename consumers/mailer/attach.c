/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/attach.h"

#include <stdlib.h>

#include "projections/reports/render.h"
#include "projections/reports/source.h"

enum { ARENA_SIZE = 8 * 1024 * 1024 };

/* The whole file in the arena; false: it is too large, or cannot be read. */
static bool take_file(struct fl_arena *arena, FILE *file, struct fl_slice *bytes)
{
    off_t size = fseeko(file, 0, SEEK_END) == 0 ? ftello(file) : -1;
    if (size <= 0 || size > FL_ATTACHED_SIZE_MAX || fseeko(file, 0, SEEK_SET) != 0)
        return false;
    uint8_t *data = fl_arena_alloc(arena, (size_t)size);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
        return false;
    *bytes = fl_slice_of(data, (size_t)size);
    return true;
}

static bool attach(const struct fl_composer *c, struct fl_document *document,
                   enum fl_document_format format, struct fl_attachment *file)
{
    FILE *out = NULL;
    if (fl_document_open_file(c->spool_directory, &out) != FL_OK)
        return false;
    bool good = fl_document_render(document, format, 0, c->spool_directory, out) == FL_OK &&
                take_file(c->arena, out, &file->bytes);
    fclose(out);
    file->media_type = fl_document_media_type(format);
    file->name = format == FL_DOCUMENT_PDF ? "renewals.pdf" : "renewals.csv";
    return good;
}

static bool fill(const struct fl_composer *c, const char *company_id, struct fl_document *document)
{
    struct fl_arena arena;
    fl_arena_init(&arena, ARENA_SIZE);
    const struct fl_document_source source = {
        .registry = c->registry,
        .arena = &arena,
        .scope = FL_DOCUMENT_OF_COMPANY,
        .company_id = fl_slice_text(company_id),
        .is_for_others = true,
    };
    enum fl_error error = fl_document_fill(document, FL_DOCUMENT_RENEWALS, &source);
    fl_arena_fini(&arena);
    return error == FL_OK && document->tables[0].row_count > 0 &&
           document->tables[0].row_count <= FL_ATTACHED_ROW_COUNT_MAX;
}

size_t fl_attach_renewals(const struct fl_composer *composer, const char *company_id,
                          struct fl_attachment files[FL_ATTACHED_COUNT])
{
    static const enum fl_document_format formats[FL_ATTACHED_COUNT] = {FL_DOCUMENT_PDF,
                                                                       FL_DOCUMENT_CSV};
    size_t count = 0;
    struct fl_document *document = calloc(1, sizeof(*document));
    if (document == NULL || composer->spool_directory == NULL ||
        fl_document_open(composer->spool_directory, document) != FL_OK) {
        free(document);
        return 0;
    }
    if (fill(composer, company_id, document))
        for (size_t i = 0; i < FL_ATTACHED_COUNT; i++)
            count += attach(composer, document, formats[i], &files[count]);
    fl_document_close(document);
    free(document);
    return count;
}
