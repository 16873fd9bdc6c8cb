/* The rows of a gallery: the one that the address names behind its hash, or the default one. */
(function () {
  'use strict';
  var main = document.getElementById('gallery');
  var profile = location.hash.slice(1) || 'guest';
  Badger.load('', profile, function (error, loaded) {
    var gallery, i, j, row, box, card, image, heading;
    if (error) { main.textContent = error.message; return; }
    gallery = loaded.gallery;
    for (i = 0; i < gallery.length; i += 1) {
      row = gallery.row(i);
      heading = document.createElement('h2');
      heading.textContent = row.name;
      box = document.createElement('div');
      box.className = 'row';
      for (j = 0; j < row.length; j += 1) {
        card = row.item(j).card;
        image = document.createElement('img');
        image.alt = image.title = card.name;
        image.loading = 'lazy';
        image.src = gallery.asset(card.boxart);
        box.appendChild(image);
      }
      main.appendChild(heading);
      main.appendChild(box);
    }
  });
}());
