"""GOT: OCR-2.0 in one end-to-end model. Import the parts you need; importing this costs nothing."""

__version__ = "0.1.0"
