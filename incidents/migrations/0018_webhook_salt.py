import incidents.models.exchange
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0017_stale_by_township"),
    ]

    operations = [
        migrations.RenameField(model_name="webhooktarget", old_name="secret", new_name="salt"),
        migrations.AlterField(
            model_name="webhooktarget",
            name="salt",
            field=models.CharField(
                default=incidents.models.exchange.new_salt, editable=False, max_length=64
            ),
        ),
    ]
