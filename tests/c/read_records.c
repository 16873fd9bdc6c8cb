/* Reads a record by the header that `badger poco header` writes, and prints all that it says: one field a line, texts as
 * their length and their bytes. */
#include "badger_poco.h"
#include <stdio.h>
#include <stdlib.h>

static void text(const badger_record *record, const char *name, badger_text place) {
    size_t bytes;
    const char *start = badger_text_of(record, place, &bytes);
    printf("%s %zu ", name, bytes);
    fwrite(start, 1, bytes, stdout);
    putchar('\n');
}

static void names(const badger_record *record, const char *name, badger_table table) {
    badger_name element;
    for (uint32_t index = 0; badger_element(record, table, index, &element, sizeof element); index++)
        text(record, name, element.text);
}

static void hexadecimal(const char *name, const uint8_t *bytes, size_t count) {
    printf("%s ", name);
    for (size_t index = 0; index < count; index++) printf("%02x", bytes[index]);
    putchar('\n');
}

static void print_title(const badger_record *record) {
    badger_title title;
    badger_art art;
    badger_block(record, &title, sizeof title);
    printf("title %u year %u minutes %u kind %u maturity %u match %u\n", title.id, title.year, title.runtime_minutes,
           title.kind, title.maturity, title.match_score);
    hexadecimal("uuid", title.uuid, sizeof title.uuid);
    printf("seasons %u episodes %u\n", title.season_count, title.episode_count);
    text(record, "name", title.name);
    text(record, "original_name", title.original_name);
    text(record, "synopsis", title.synopsis);
    text(record, "certificate", title.certificate);
    names(record, "genre", title.genres);
    names(record, "cast", title.cast);
    names(record, "director", title.directors);
    for (uint32_t index = 0; badger_element(record, title.art, index, &art, sizeof art); index++) {
        printf("art %u %ux%u\n", art.kind, art.width, art.height);
        text(record, "path", art.path);
    }
}

static void print_cards(const badger_record *record, badger_table cards, badger_table sheets) {
    badger_card card;
    badger_sheet sheet;
    for (uint32_t index = 0; badger_element(record, cards, index, &card, sizeof card); index++) {
        printf("card %u year %u minutes %u kind %u sheet %u cell %u\n", card.id, card.year, card.runtime_minutes, card.kind,
               card.sprite_sheet, card.sprite_cell);
        text(record, "name", card.name);
        text(record, "boxart", card.boxart);
    }
    for (uint32_t index = 0; badger_element(record, sheets, index, &sheet, sizeof sheet); index++) {
        printf("sheet %ux%u of %ux%u\n", sheet.columns, sheet.rows, sheet.cell_width, sheet.cell_height);
        text(record, "path", sheet.path);
    }
}

static void print_gallery(const badger_record *record) {
    badger_gallery gallery;
    badger_row row;
    badger_item item;
    badger_play play;
    badger_block(record, &gallery, sizeof gallery);
    printf("gallery layout %u made_at %u\n", gallery.layout, gallery.made_at);
    text(record, "profile", gallery.profile);
    text(record, "display_name", gallery.display_name);
    text(record, "catalogue", gallery.catalogue);
    hexadecimal("hash", gallery.catalogue_hash, sizeof gallery.catalogue_hash);
    for (uint32_t index = 0; badger_element(record, gallery.rows, index, &row, sizeof row); index++) {
        printf("row %u kind %u\n", row.id, row.kind);
        text(record, "name", row.name);
        for (uint32_t place = 0; place < row.item_count; place++) {
            if (!badger_element(record, gallery.items, row.first_item + place, &item, sizeof item)) exit(3);
            printf("item %u match %u\n", badger_u24(item.card), item.match_score);
        }
    }
    for (uint32_t index = 0; badger_element(record, gallery.plays, index, &play, sizeof play); index++) {
        printf("play %u watched %u at %u left %u plays %u %u %u kind %u\n", badger_u24(play.card), play.fraction_watched,
               play.last_play, play.episodes_left, play.plays, play.plays_7_days, play.plays_30_days, play.kind);
        hexadecimal("devices", play.devices, sizeof play.devices);
        hexadecimal("hours", play.hours, sizeof play.hours);
    }
    print_cards(record, gallery.cards, gallery.sheets);
}

static void print_many(const badger_record *record) {
    badger_many many;
    badger_many_entry entry;
    badger_record inner;
    badger_block(record, &many, sizeof many);
    for (uint32_t index = 0; badger_element(record, many.entries, index, &entry, sizeof entry); index++) {
        printf("entry %u status %u\n", entry.id, entry.status);
        if (entry.status != 200) continue;
        if ((uint64_t)entry.offset + entry.bytes > record->record_bytes) exit(3);
        if (badger_open(&inner, record->bytes + entry.offset, entry.bytes, BADGER_TITLE_MAGIC) != BADGER_OK) exit(3);
        print_title(&inner);
    }
}

/* All of a file in memory of exactly its length, so that a checker of memory sees a read behind it. */
static uint8_t *read_all(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) exit(4);
    *length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*length ? *length : 1);
    if (!bytes || fread(bytes, 1, *length, file) != *length) exit(4);
    fclose(file);
    return bytes;
}

static int print_record(const uint8_t *bytes, size_t length) {
    badger_record record;
    badger_catalogue catalogue;
    if (badger_open(&record, bytes, length, BADGER_TITLE_MAGIC) == BADGER_OK) {
        print_title(&record);
    } else if (badger_open(&record, bytes, length, BADGER_GALLERY_MAGIC) == BADGER_OK) {
        print_gallery(&record);
    } else if (badger_open(&record, bytes, length, BADGER_MANY_MAGIC) == BADGER_OK) {
        print_many(&record);
    } else if (badger_open(&record, bytes, length, BADGER_CATALOGUE_MAGIC) == BADGER_OK) {
        badger_block(&record, &catalogue, sizeof catalogue);
        print_cards(&record, catalogue.cards, catalogue.sheets);
    } else {
        return 2;
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count != 2) return 4;
    size_t length;
    uint8_t *bytes = read_all(arguments[1], &length);
    int outcome = print_record(bytes, length);
    free(bytes);
    return outcome;
}
